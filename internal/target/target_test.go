package target

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// texts returns the addresses as text; nil if there are none.
func texts(addresses []Address) []string {
	var texts []string
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return texts
}

var longest = strings.Repeat("x", 107)

func TestParseLiteral(t *testing.T) {
	for text, want := range map[string][]string{
		"127.0.0.1":                 {"127.0.0.1:80"},
		"127.0.0.1:8080":            {"127.0.0.1:8080"},
		"127.0.0.1:0080":            {"127.0.0.1:80"},
		"127.0.0.1:+80":             {"127.0.0.1:80"},
		"127.0.0.1:65535":           {"127.0.0.1:65535"},
		"[::1]:1":                   {"[::1]:1"},
		"[::1]":                     {"[::1]:80"},
		"[fe80::1%4294967295]:80":   {"[fe80::1%4294967295]:80"},
		"[::ffff:127.0.0.1]:80":     {"[::ffff:127.0.0.1]:80"},
		"::1:80":                    {"[::1]:80"},
		"2001:db8::1:80":            {"[2001:db8::1]:80"},
		"1:2:3:4:5:6:7:8:80":        {"[1:2:3:4:5:6:7:8]:80"},
		"::ffff:127.0.0.1:80":       {"[::ffff:127.0.0.1]:80"},
		"fe80::1%4294967295:80":     {"[fe80::1%4294967295]:80"},
		"*:80":                      {"[::1]:80", "127.0.0.1:80"},
		"*":                         {"[::1]:80", "127.0.0.1:80"},
		"127.1:80":                  {"127.0.0.1:80"},
		"0:80":                      {"0.0.0.0:80"},
		"0x7f000001:80":             {"127.0.0.1:80"},
		"2130706433:80":             {"127.0.0.1:80"},
		"010.0.0.1:80":              {"8.0.0.1:80"},
		"1.2.3.0xff:80":             {"1.2.3.255:80"},
		"1.65536:80":                {"1.1.0.0:80"},
		"16777216":                  {"1.0.0.0:80"},
		"0":                         {"0.0.0.0:80"},
		"unix:/run/x":               {"/run/x"},
		"unix:///run/x":             {"/run/x"},
		"unix:@name":                {"@name"},
		"/run/x":                    {"/run/x"},
		"/run/x:80":                 {"/run/x:80"},
		"/run/\xff \n":              {"/run/\xff \n"},
		"/" + longest[1:]:           {"/" + longest[1:]},
		"@name":                     {"@name"},
		"@/run/x":                   {"@/run/x"},
		"@" + longest:               {"@" + longest},
		"[::1%1]:80":                {"[::1%lo]:80"},
		"255.255.255.255:1":         {"255.255.255.255:1"},
		"vsock:2:80":                {"vsock:2:80"},
		"vsock-stream:host:80":      {"vsock:2:80"},
		"vsock:local:0x10":          {"vsock:1:16"},
		"vsock:0:4294967294":        {"vsock:0:4294967294"},
		"[2001:db8:0:0:0:0:0:1]:80": {"[2001:db8::1]:80"},
	} {
		target, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		literal, known := target.Literal()
		if got := texts(literal); !known || !slices.Equal(got, want) {
			t.Errorf("Parse(%q).Literal() = %q, %v; want %q", text, got, known, want)
		}
		resolved, err := target.Resolve(t.Context())
		if err != nil || !slices.Equal(resolved, literal) {
			t.Errorf("Parse(%q).Resolve() = %q, %v; want %q", text, texts(resolved), err, want)
		}
		if target.String() != text {
			t.Errorf("Parse(%q).String() = %q", text, target)
		}
	}
}

func TestParseNames(t *testing.T) {
	for text, want := range map[string][2]string{
		"localhost":             {"localhost", "80"},
		"localhost:http":        {"localhost", "http"},
		"127.0.0.1:http":        {"127.0.0.1", "http"},
		"*:http":                {"*", "http"},
		"[::1]:http":            {"::1", "http"},
		"::1:http":              {"::1", "http"},
		"[fe80::1%eth0]:80":     {"fe80::1%eth0", "80"},
		"fe80::1%eth0:80":       {"fe80::1%eth0", "80"},
		"fe80::1%eth0:http":     {"fe80::1%eth0", "http"},
		"256.1.1.1:80":          {"256.1.1.1", "80"},
		"08.0.0.1:80":           {"08.0.0.1", "80"},
		"1.2.3.4.:80":           {"1.2.3.4.", "80"},
		"1.2.3.4.5:80":          {"1.2.3.4.5", "80"},
		"1_0.0.0.1:80":          {"1_0.0.0.1", "80"},
		"4294967296:80":         {"4294967296", "80"},
		"0x:80":                 {"0x", "80"},
		"1..2:80":               {"1..2", "80"},
		"vsock:80":              {"vsock", "80"}, // a host of that name
		"unix:80":               {"unix", "80"},  // as well
		"vsock":                 {"vsock", "80"},
		"b\u00fccher.example:1": {"b\u00fccher.example", "1"},
	} {
		target, err := Parse(text)
		if got := [2]string{target.host, target.service}; err != nil || got != want {
			t.Errorf("Parse(%q) splits into %q, %v; want %q", text, got, err, want)
		}
		if literal, known := target.Literal(); known {
			t.Errorf("Parse(%q).Literal() = %q; want none", text, texts(literal))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                           `target "": empty; write HOST:PORT, /PATH or @NAME`,
		":80":                        `target ":80": no host before the port; write localhost:80 or another HOST:PORT`,
		":":                          "no host",
		"host:":                      "no port after the colon; write HOST:PORT, or HOST for port 80",
		"[::1]:":                     "no port",
		"host:0":                     "port 0 is out of range; use 1 to 65535",
		"host:65536":                 "port 65536 is out of range",
		"host:-1":                    "port -1 is out of range",
		"[::1]:99999999999999999999": "port 99999999999999999999 is out of range",
		"::":                         "an IPv6 address needs brackets; write [::]:PORT",
		"::1":                        `target "::1": an IPv6 address needs brackets; write [::1]:PORT`,
		"2001:db8::1":                "write [2001:db8::1]:PORT",
		"2001:db8::1:beef":           "write [2001:db8::1:beef]:PORT",
		"fe80::1%eth0":               "write [fe80::1%eth0]:PORT",
		"fe80::1:0":                  "write [fe80::1:0]:PORT",
		"1:2:3:4:5:6:7:8":            "write [1:2:3:4:5:6:7:8]:PORT",
		"a:b:80":                     `"a:b" is not an IPv6 address; write [IPV6]:PORT or HOST:PORT`,
		"::1::80":                    "is not an IPv6 address",
		"[::1":                       "unbalanced brackets; write [IPV6]:PORT",
		"::1]:80":                    "unbalanced brackets",
		"[[::1]]:80":                 "unbalanced brackets",
		"[::1]:80]":                  "unbalanced brackets",
		"host[1]:80":                 "unbalanced brackets",
		"[::1]80":                    `unexpected "80" after the brackets; write [IPV6]:PORT`,
		"[]:80":                      `"" is not an IPv6 address`,
		"[host]:80":                  `"host" is not an IPv6 address`,
		"[127.0.0.1]:80":             `"127.0.0.1" is not an IPv6 address`,
		"[*]:80":                     `"*" is not an IPv6 address`,
		"[fe80::1%]:80":              "is not an IPv6 address",
		"host :80":                   "contains white space or a control character",
		"host: 80":                   "contains white space or a control character",
		"ho\x1b[st:80":               `target "ho\x1b[st:80": contains white space or a control character; write HOST:PORT`,
		"host\x00:80":                "contains white space or a control character",
		"host\u00a0:80":              "contains white space or a control character",
		"vsock::80":                  `target "vsock::80": no CID to connect to; write that of the machine, host or a number`,
		"vsock:4294967295:80":        "no CID to connect to",
		"vsock:x:80":                 `"x" is not a CID; write a number, or host, local or hypervisor`,
		"vsock:2:4294967295":         `"4294967295" is not a VSOCK port`,
		"vsock:2:":                   `"" is not a VSOCK port`,
		"vsock:2:80:90":              `"80:90" is not a VSOCK port`,
		"vsock-dgram:2:80":           `"vsock-dgram:2" is not an IPv6 address`,
		"/":                          "the root directory is not a socket",
		"/" + longest:                "path of 108 bytes, the limit is 107; move the socket or use a symbolic link",
		"/run/x\x00y":                "contains a NUL byte",
		"@":                          "empty abstract name; write @NAME",
		"@" + longest + "x":          "abstract name of 108 bytes, the limit is 107; choose a shorter name",
		"@x\x00":                     `target "@x\x00": contains a NUL byte`,
	} {
		target, err := Parse(text)
		switch {
		case err == nil:
			t.Errorf("Parse(%q) = %v; want an error", text, texts(target.literal))
		case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
			t.Errorf("Parse(%q): %v; want …%s…", text, err, want)
		case !reflect.DeepEqual(target, Target{}):
			t.Errorf("Parse(%q) gives %+v beside an error", text, target)
		}
	}
}

func TestParseFamily(t *testing.T) {
	for text, want := range map[string]string{"2:80": "vsock:2:80", "host:80": "vsock:2:80", "vsock:3:80": "vsock:3:80", "1:0": "vsock:1:0"} {
		target, err := VSOCK.Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		literal, known := target.Literal()
		if got := texts(literal); !known || !slices.Equal(got, []string{want}) || target.String() != text {
			t.Errorf("Parse(%q) = %v, %q; want %q", text, target, got, want)
		}
	}
	for _, text := range []string{"", "2", "/run/x", "@x", "localhost:80", "127.0.0.1:80", "[::1]:80", ":80", "2:http", "vsock:80"} {
		if target, err := VSOCK.Parse(text); err == nil || !strings.Contains(err.Error(), "target") {
			t.Errorf("Parse(%q) = %q, %v; want an error", text, texts(target.literal), err)
		}
	}
	// What was a host named 2 before is one still.
	target, err := Auto.Parse("2:80")
	if literal, _ := target.Literal(); err != nil || !slices.Equal(texts(literal), []string{"0.0.0.2:80"}) {
		t.Errorf("Parse = %q, %v", texts(literal), err)
	}
}

func TestResolveLocalhost(t *testing.T) {
	for _, text := range []string{"localhost", "localhost:http", "127.0.0.1:http", "*:http"} {
		target, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		addresses, err := target.Resolve(t.Context())
		if err != nil || !slices.Contains(texts(addresses), "127.0.0.1:80") {
			t.Errorf("Resolve(%q) = %q, %v; want 127.0.0.1:80 among them", text, texts(addresses), err)
		}
		for i, address := range addresses {
			if slices.Contains(addresses[:i], address) {
				t.Errorf("Resolve(%q) = %q; want no duplicates", text, texts(addresses))
			}
		}
	}
}

func TestResolveFails(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for text, test := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"name.invalid:81":           {cancelled, `target "name.invalid:81": cannot resolve host "name.invalid", service "81": `},
		"localhost:no-such-service": {t.Context(), `host "localhost", service "no-such-service": `},
		"[fe80::1%no-such-link]:80": {t.Context(), `interface "no-such-link": `},
	} {
		target, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		addresses, err := target.Resolve(test.ctx)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Resolve(%q) = %q, %v; want …%s…", text, texts(addresses), err, test.want)
		}
		if test.ctx == cancelled && !errors.Is(err, context.Canceled) {
			t.Errorf("Resolve(%q): %#v; want it to wrap context.Canceled", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"localhost", "localhost:http", "127.0.0.1:80", "127.1:80", "010.0x1.1:080", "0", "*:80", "*",
		"[::1]:80", "[::1]", "[fe80::1%2]:80", "fe80::1%lo:80", "::1:80", "::1", "::ffff:1.2.3.4:+5", "[::ffff:1.2.3.4%3]:5",
		"/run/x", "/", "@", "@name", "@a\x00", "/" + longest, "@" + longest, "", ":", "::", "[", "]", "[]", "[]:", "host:", ":80",
		"unix:/x", "unix:///x", "unix://x", "http://[::1]/x", "x@y/z", "80/tcp", "~/x", "1/", "12346",
		"vsock:2:80", "vsock::80", "vsock:80", "vsock-stream:host:1", "vsock:2:4294967295",
		"host:65536", "host:-0", "ho\nst:80", "\xff:80", "0x:1", "0x0:0x1", "[::1]:80]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("Parse(%q): the error is not one clean line: %q", text, err)
			}
			return
		}
		again, err := Parse(target.String())
		if err != nil || !reflect.DeepEqual(again, target) || target.String() != text {
			t.Errorf("Parse(%q) = %+v; its text gives %+v, %v", text, target, again, err)
		}
		literal, known := target.Literal()
		if known != (len(literal) > 0) {
			t.Errorf("Parse(%q).Literal() = %q, %v", text, texts(literal), known)
		}
		for _, address := range literal {
			checkLength(t, address)
			// What an address prints is a target as well, and the same one.
			printed, err := Parse(address.String())
			if err == nil && printed.literal != nil && printed.literal[0] != address {
				t.Errorf("Parse(%q) has %q, which parses to %q", text, address, texts(printed.literal))
			}
		}
	})
}
