package connection

import "testing"

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

func TestSkip(t *testing.T) {
	if behind := (*Prologue)(nil).Skip(7); behind != 7 {
		t.Errorf("without a prologue, %d of 7 came behind it", behind)
	}
	for n, want := range map[int]struct {
		left   string
		behind int
	}{0: {"header", 0}, 2: {"ader", 0}, 6: {"", 0}, 9: {"", 3}} {
		p := &Prologue{Bytes: []byte("header")}
		if behind := p.Skip(n); behind != want.behind || string(p.Bytes) != want.left {
			t.Errorf("of %d bytes, %d came behind, and %q is left; want %+v", n, behind, p.Bytes, want)
		}
	}
}
