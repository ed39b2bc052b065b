package forward

import (
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/target"
)

func TestPasses(t *testing.T) {
	for _, test := range []struct {
		family int
		target string
		passed int
		want   bool
	}{
		{unix.AF_UNIX, "/run/x", 253, true},
		{unix.AF_UNIX, "@x", 253, true},
		{unix.AF_UNIX, "@x", 0, false},
		{unix.AF_INET, "@x", 253, false},
		{unix.AF_UNIX, "127.0.0.1:80", 253, false},
		{unix.AF_UNIX, "example.org", 253, false},
	} {
		to, err := target.Parse(test.target)
		if err != nil {
			t.Fatal(err)
		}
		p := Policy{Limits: Limits{Passed: test.passed}}
		if got := p.Passes(&Route{Listener: &activation.Listener{Family: test.family}, Target: to}); got != test.want {
			t.Errorf("family %d to %s, %d passed: %v", test.family, test.target, test.passed, got)
		}
	}
}

func TestSparePassed(t *testing.T) {
	p := Policy{Workers: 1, Limits: Limits{Descriptors: 100}}
	if err := p.SparePassed([]int{20, 90}); err != nil {
		t.Error(err)
	}
	if err := p.SparePassed([]int{20, 91}); !Shortage(err) {
		t.Errorf("a descriptor that others need: %v", err)
	}
	p.Limits.Descriptors = 0
	if err := p.SparePassed([]int{20, 91}); err != nil {
		t.Error(err)
	}
}

func TestOwn(t *testing.T) {
	const v1, v2 = "PROXY UNKNOWN\r\n", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x04abcd"
	for _, test := range []struct {
		received, next string
		want           int
	}{
		{"", v1 + "behind", len(v1)},
		{"PROXY ", "UNKNOWN\r\nbehind", len(v1) - 6},
		{"PROXY ", "UNKN", 4},
		{"", v2, len(v2)},
		{"", v2 + "b", len(v2)},
		{v2[:16], v2[16:] + "b", 4},
		{v2[:3], v2[3:10], 7},
		{"", "GET / HTTP/1.1", 14}, // whatever it is, it is refused
	} {
		p := Prologue{received: append(make([]byte, 0, headerRoom), test.received...)}
		if got := p.Own(copy(p.Room(), test.next)); got != test.want {
			t.Errorf("of %q after %q, %d bytes are the header's, want %d", test.next, test.received, got, test.want)
		}
	}
}
