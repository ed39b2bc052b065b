package vsock

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		"2:80":            {2, 80},
		"3:0":             {3, 0},
		"0:1":             {0, 1},
		"4294967294:1":    {4294967294, 1},
		"3:4294967294":    {3, 4294967294},
		"0x10:010":        {16, 8},
		"0b11:0o17":       {3, 15},
		":80":             {unix.VMADDR_CID_ANY, 80},
		"4294967295:80":   {unix.VMADDR_CID_ANY, 80},
		"host:80":         {2, 80},
		"local:80":        {1, 80},
		"hypervisor:2375": {0, 2375},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":             "not a VSOCK address with a port; write vsock:CID:PORT",
		"80":           "not a VSOCK address with a port; ",
		"2:":           `"" is not a VSOCK port; write a number up to 4294967294`,
		":":            `"" is not a VSOCK port`,
		"2:4294967295": `"4294967295" is not a VSOCK port`,
		"2:4294967296": `"4294967296" is not a VSOCK port`,
		"2:http":       `"http" is not a VSOCK port`,
		"2:-1":         `"-1" is not a VSOCK port`,
		"2:+1":         `"+1" is not a VSOCK port`,
		"2: 1":         `" 1" is not a VSOCK port`,
		"2:1_000":      `"1_000" is not a VSOCK port`,
		"2:80:90":      `"80:90" is not a VSOCK port`,
		"4294967296:1": `"4294967296" is not a CID; write a number, or host, local or hypervisor`,
		"-1:80":        `"-1" is not a CID`,
		"Host:80":      `"Host" is not a CID`,
		"any:80":       `"any" is not a CID`,
		"[2]:80":       `"[2]" is not a CID`,
		"2\n:80":       `"2\n" is not a CID`,
		"\x1b[2J:80":   `"\x1b[2J" is not a CID`,
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || got != (Address{}) {
			t.Errorf("Parse(%q) = %v, %v; want …%s…", text, got, err, want)
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{"vsock:2:80": "2:80", "vsock-stream:2:80": "2:80", "vsock::80": ":80", "vsock:": ""} {
		if got, ok := Cut(text); !ok || got != want {
			t.Errorf("Cut(%q) = %q, %v; want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "vsock", "2:80", "VSOCK:2:80", "vsock-dgram:2:80", "vsock-seqpacket:2:80", " vsock:2:80", "xvsock:2:80"} {
		if got, ok := Cut(text); ok || got != "" {
			t.Errorf("Cut(%q) = %q, %v", text, got, ok)
		}
	}
	for text, want := range map[string]bool{"vsock-dgram:2:80": true, "vsock-seqpacket::80": true, "vsock-stream:2:80": false, "vsock-dgram": false, "": false} {
		if got := OfAnotherType(text); got != want {
			t.Errorf("OfAnotherType(%q) = %v", text, got)
		}
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		address Address
		want    string
	}{{Address{2, 80}, "vsock:2:80"}, {Address{}, "vsock:0:0"}, {Address{unix.VMADDR_CID_ANY, 4294967294}, "vsock::4294967294"}} {
		if got := c.address.String(); got != c.want {
			t.Errorf("%#v prints as %q, want %q", c.address, got, c.want)
		}
	}
	if got := Of(&unix.SockaddrVM{CID: 3, Port: 7}); got != (Address{3, 7}) {
		t.Errorf("Of = %v", got)
	}
}

// FuzzParse looks for what is taken and prints as something else, and for errors that
// are no clean line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"2:80", ":80", "host:1", "local:0x10", "hypervisor:0", "4294967295:1", "2:4294967295", "", ":", "1:2:3", "0_1:1", "\n:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			if a != (Address{}) || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("Parse(%q) = %v, %q", text, a, err)
			}
			return
		}
		rest, ok := Cut(a.String())
		if again, err := Parse(rest); !ok || err != nil || again != a {
			t.Errorf("Parse(%q) prints as %q, which is %v, %v", text, a, again, err)
		}
		if a.Port == unix.VMADDR_PORT_ANY {
			t.Errorf("Parse(%q) is any port", text)
		}
	})
}
