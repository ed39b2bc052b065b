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
