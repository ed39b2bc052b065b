package activation

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

func TestParseSpec(t *testing.T) {
	long := "/" + strings.Repeat("x", 106)
	for text, want := range map[string]endpoint{
		"8080":                 {ip: netip.MustParseAddrPort("[::]:8080"), anyHost: true},
		"0":                    {ip: netip.MustParseAddrPort("[::]:0"), anyHost: true},
		"65535":                {ip: netip.MustParseAddrPort("[::]:65535"), anyHost: true},
		"127.0.0.1:80":         {ip: netip.MustParseAddrPort("127.0.0.1:80")},
		"127.0.0.1:0":          {ip: netip.MustParseAddrPort("127.0.0.1:0")},
		"0.0.0.0:80":           {ip: netip.MustParseAddrPort("0.0.0.0:80")},
		"[::1]:80":             {ip: netip.MustParseAddrPort("[::1]:80")},
		"[::]:80":              {ip: netip.MustParseAddrPort("[::]:80")},
		"[fe80::1%eth0]:80":    {ip: netip.MustParseAddrPort("[fe80::1%eth0]:80")},
		"[fe80::1]:80%eth0":    {ip: netip.MustParseAddrPort("[fe80::1%eth0]:80")},
		"[fe80::1]:80%2":       {ip: netip.MustParseAddrPort("[fe80::1%2]:80")},
		"[::ffff:127.0.0.1]:9": {ip: netip.MustParseAddrPort("[::ffff:127.0.0.1]:9")},
		"/run/x":               {unix: "/run/x"},
		"@name":                {unix: "@name"},
		"vsock:2:80":           {vsock: vsock.Address{CID: 2, Port: 80}, isVsock: true},
		"vsock-stream:host:80": {vsock: vsock.Address{CID: 2, Port: 80}, isVsock: true},
		"vsock::80":            {vsock: vsock.Address{CID: unix.VMADDR_CID_ANY, Port: 80}, isVsock: true},
		"vsock:0:0":            {isVsock: true},
		long:                   {unix: long},
	} {
		if got, err := parseSpec(text); err != nil || got != want {
			t.Errorf("parseSpec(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestSplitName(t *testing.T) {
	for text, want := range map[string][2]string{
		"8080":                {"listen", "8080"},
		"web=8080":            {"web", "8080"},
		"web=127.0.0.1:80":    {"web", "127.0.0.1:80"},
		"a b.socket=[::1]:80": {"a b.socket", "[::1]:80"},
		"web=/run/x=y":        {"web", "/run/x=y"},
		"web=@x=":             {"web", "@x="},
		"web=":                {"web", ""},
		"a/b=80":              {"a/b", "80"},
		"/run/x=y":            {"listen", "/run/x=y"},
		"@x=y":                {"listen", "@x=y"},
		"[fe80::1]:80%a=b":    {"listen", "[fe80::1]:80%a=b"},
		"":                    {"listen", ""},
	} {
		name, address, err := splitName(text)
		if got := [2]string{name, address}; err != nil || got != want {
			t.Errorf("splitName(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestListenErrorsExplain(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                `the address is empty; write PORT, `,
		"@":                               `the abstract name is empty; `,
		"/a\x00b":                         `contains a NUL byte; `,
		"/" + strings.Repeat("x", 107):    `the address is 108 bytes long; `,
		"@" + strings.Repeat("x", 107):    `the address is 108 bytes long; `,
		"65536":                           `"65536" is not a port; `,
		"127.0.0.1:65536":                 `"65536" is not a port; `,
		"127.0.0.1:http":                  `"http" is not a port; `,
		"127.0.0.1:":                      `"" is not a port; `,
		"[::1]:-1":                        `"-1" is not a port; `,
		"127.0.0.1":                       `the port is missing; write 127.0.0.1:80`,
		"::1":                             `the port is missing; write [::1]:80`,
		"[::1]":                           `the port is missing; write [::1]:80`,
		":80":                             `the address is missing; for all addresses write the port alone`,
		"localhost:80":                    `"localhost" is not an IP address; host names are not resolved`,
		"*:80":                            `"*" is not an IP address; `,
		"localhost":                       `not an address with a port; `,
		"[127.0.0.1]:80":                  `brackets belong around an IPv6 address`,
		"run/x":                           `neither an address nor an absolute path; `,
		"=80":                             `the name before = is empty; write NAME=ADDRESS`,
		"web=":                            `--listen="web=": the address is empty; `,
		"web=localhost:80":                `"localhost" is not an IP address`,
		"127.0.0.1:80=web":                `"127.0.0.1:80" cannot be a listener's name; `,
		"w\x1bb=80":                       `"w\x1bb" cannot be a listener's name; `,
		"é=80":                            `"é" cannot be a listener's name; `,
		strings.Repeat("x", 256) + "=80":  ` cannot be a listener's name; use up to 255 `,
		"vsock:80":                        `not a VSOCK address with a port; write vsock:CID:PORT`,
		"vsock:2:":                        `"" is not a VSOCK port; `,
		"vsock:guest:80":                  `"guest" is not a CID; `,
		"vsock:2:4294967295":              `"4294967295" is not a VSOCK port; `,
		"vsock-dgram:2:80":                `not a stream socket; `,
		"vsock-seqpacket::80":             `not a stream socket; `,
		"[fe80::1%no-such-if]:80":         `no network interface "no-such-if"; `,
		"[fe80::1%sixteen-characters]:80": `"sixteen-characters" is not the name of a network interface; `,
	} {
		l, err := Listen(spec)
		if err == nil {
			_ = l.Close()
			t.Errorf("Listen(%q) succeeded", spec)
			continue
		}
		if !strings.HasPrefix(err.Error(), `--listen="`) || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q): %v; want ... %s", spec, err, want)
		}
	}
}

func TestPortAloneWithoutIPv6(t *testing.T) {
	where, err := parseSpec("8080")
	if err != nil {
		t.Fatal(err)
	}
	where = where.withoutIPv6()
	if where.family() != unix.AF_INET || where.ip.String() != "0.0.0.0:8080" {
		t.Errorf("got %+v, want 0.0.0.0:8080", where)
	}
}

// FuzzListenSpec checks what bind relies on: a parsed address is of one of the
// families, fits its sockaddr, and prints as what was meant.
func FuzzListenSpec(f *testing.F) {
	for _, seed := range []string{
		"", "0", "80", "65536", "127.0.0.1:80", "[::1]:80", "[::]:0", "[fe80::1%eth0]:80", "[fe80::1]:80%eth0",
		"[fe80::1]:80%", "/run/x", "/", "@", "@x", "@\x00", "vsock:2:80", "vsock::80", "vsock-stream:local:0", "vsock-dgram:2:80", "localhost:80", ":80", "::1:80", "[::1]:80%]:1",
		"web=80", "web=/run/x=y", "=", "a:b=80", "/x=80", "web=vsock::80",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		name, text, err := splitName(spec)
		if err != nil {
			return
		}
		if !validName(name) || name != ownName && name+"="+text != spec {
			t.Errorf("%q: split into %q and %q", spec, name, text)
		}
		where, err := parseSpec(text)
		if err != nil {
			if where != (endpoint{}) {
				t.Errorf("%q: an address beside the error: %+v", text, where)
			}
			return
		}
		if where.family() == unix.AF_UNIX {
			if where.unix != text || len(text) > maxUnixAddress || strings.Contains(text, "\x00") {
				t.Errorf("%q: unfit for sockaddr_un: %+v", text, where)
			}
			return
		}
		if where.family() == unix.AF_VSOCK {
			if again, err := parseSpec(where.vsock.String()); err != nil || again != where {
				t.Errorf("%q: prints as %q, which parses as %+v, %v", text, where.vsock, again, err)
			}
			return
		}
		if !where.ip.IsValid() {
			t.Fatalf("%q: no address: %+v", text, where)
		}
		again, err := parseSpec(where.ip.String())
		if err != nil || again.ip != where.ip {
			t.Errorf("%q: prints as %q, which parses as %+v, %v", text, where.ip, again, err)
		}
	})
}
