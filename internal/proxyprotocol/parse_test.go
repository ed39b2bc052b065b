package proxyprotocol

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
)

var (
	tcp4 = Addresses{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 56324}, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 443}}
	tcp6 = Addresses{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 65535}}
	// As a dual-stack socket names its IPv4 clients.
	mapped  = Addresses{&net.TCPAddr{IP: tcp4.Source.(*net.TCPAddr).IP.To16(), Port: 56324}, &net.TCPAddr{IP: tcp4.Destination.(*net.TCPAddr).IP.To16(), Port: 443}}
	unnamed = Addresses{&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Net: "unix", Name: "/run/listener"}}
	names   = Addresses{&net.UnixAddr{Net: "unix", Name: "\x00abstract\x00name"}, &net.UnixAddr{Net: "unix", Name: strings.Repeat("p", unixPath)}}
	// As nginx tells of a client of one family that has come to a server of the other.
	mixed4 = Addresses{tcp4.Source, tcp6.Destination}
	mixed6 = Addresses{tcp6.Source, tcp4.Destination}
	other  = Addresses{Other("vsock:3:1024"), Other("vsock:2:80")}
)

const signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name    string
		version Version
		from    Addresses
		want    string
	}{
		{"v1 IPv4", V1, tcp4, "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\n"},
		{"v1 IPv4-mapped", V1, mapped, "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\n"},
		{"v1 IPv6", V1, tcp6, "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"},
		{"v1 IPv4 to IPv6", V1, mixed4, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 65535\r\n"},
		{"v1 IPv6 to IPv4", V1, mixed6, "PROXY TCP6 2001:db8::1 ::ffff:203.0.113.7 1 443\r\n"},
		{"v1 UNIX", V1, names, "PROXY UNKNOWN\r\n"},
		{"v1 other", V1, other, "PROXY UNKNOWN\r\n"},
		{"v1 nobody", V1, Addresses{Destination: tcp4.Destination}, "PROXY UNKNOWN\r\n"},
		{"v2 IPv4", V2, tcp4, signatureV2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xcb\x00\x71\x07\xdc\x04\x01\xbb"},
		{"v2 IPv4-mapped", V2, mapped, signatureV2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xcb\x00\x71\x07\xdc\x04\x01\xbb"},
		{"v2 IPv6", V2, tcp6, signatureV2 + "\x21\x21\x00\x24" +
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\xff\xff"},
		{"v2 IPv4 to IPv6", V2, mixed4, signatureV2 + "\x21\x21\x00\x24" +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xdc\x04\xff\xff"},
		{"v2 UNIX, unnamed", V2, unnamed, signatureV2 + "\x21\x31\x00\xd8" + strings.Repeat("\x00", 108) + "/run/listener" + strings.Repeat("\x00", 95)},
		{"v2 UNIX, names", V2, names, signatureV2 + "\x21\x31\x00\xd8" + "\x00abstract\x00name" + strings.Repeat("\x00", 94) + strings.Repeat("p", 108)},
		{"v2 other", V2, other, signatureV2 + "\x21\x00\x00\x00"},
		{"v2 nobody", V2, Addresses{Destination: tcp4.Destination}, signatureV2 + "\x20\x00\x00\x00"},
		{"a port that is none", V1, Addresses{&net.TCPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 70000}, tcp4.Destination}, "PROXY UNKNOWN\r\n"},
	} {
		if got := string(Format(c.version, c.from, nil)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRoundTrip formats addresses and reads them back, the header being cut off at
// every byte and followed by others.
func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		version    Version
		from, want Addresses
	}{
		"v1 IPv4": {V1, tcp4, tcp4}, "v1 IPv4-mapped": {V1, mapped, tcp4}, "v1 IPv6": {V1, tcp6, tcp6},
		"v1 IPv4 to IPv6": {V1, mixed4, mixed4}, "v1 IPv6 to IPv4": {V1, mixed6, mixed6},
		"v2 IPv4 to IPv6": {V2, mixed4, mixed4}, "v2 IPv6 to IPv4": {V2, mixed6, mixed6},
		"v1 UNIX": {V1, names, Addresses{}}, "v1 other": {V1, other, Addresses{}}, "v1 nobody": {V1, Addresses{}, Addresses{}},
		"v2 IPv4": {V2, tcp4, tcp4}, "v2 IPv4-mapped": {V2, mapped, tcp4}, "v2 IPv6": {V2, tcp6, tcp6},
		"v2 unnamed": {V2, unnamed, unnamed}, "v2 names": {V2, names, names},
		"v2 other": {V2, other, Addresses{}}, "v2 nobody": {V2, Addresses{}, Addresses{}},
	} {
		header := Format(c.version, c.from, nil)
		for n := range len(header) {
			if length, err := Length(header[:n]); err != nil || length != 0 && length != len(header) {
				t.Errorf("%s: after %d of %d bytes the length is %d, %v", name, n, len(header), length, err)
			}
		}
		length, err := Length(append(bytes.Clone(header), "payload\r\nPROXY"...))
		if err != nil || length != len(header) {
			t.Fatalf("%s: the length is %d, %v, not %d", name, length, err, len(header))
		}
		got, _, err := Parse(header)
		if err != nil || !same(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func same(a, b Addresses) bool {
	if a.Source == nil || b.Source == nil {
		return a.Source == nil && b.Source == nil
	}
	return a.Source.Network() == b.Source.Network() && a.Source.String() == b.Source.String() && a.Destination.String() == b.Destination.String()
}

// TestMalformed has what must be refused: by Length as soon as it is seen, or by
// Parse once it is complete.
func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want error // nil for one of Parse
	}{
		"other protocol":           {"GET / HTTP/1.1\r\n", ErrMissing},
		"one wrong byte":           {"X", ErrMissing},
		"lower case":               {"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", ErrMissing},
		"no space":                 {"PROXY\r\n", ErrMissing},
		"v1 without an end":        {"PROXY TCP4 " + strings.Repeat("1", 96), ErrTooLong},
		"v1 of 108 bytes":          {"PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", ErrTooLong},
		"v2 too long":              {signatureV2 + "\x21\x11\x10\x01", ErrTooLong},
		"v2 longest":               {signatureV2 + "\x21\x11\xff\xff", ErrTooLong},
		"signature ends wrong":     {signatureV2[:11] + "X", ErrMissing},
		"v1 no CR":                 {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", nil},
		"v1 empty":                 {"PROXY \r\n", nil},
		"v1 unknown family":        {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", nil},
		"v1 UDP":                   {"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", nil},
		"v1 too few":               {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", nil},
		"v1 too many":              {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", nil},
		"v1 two spaces":            {"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", nil},
		"v1 zone":                  {"PROXY TCP6 fe80::1%lo ::1 1 2\r\n", nil},
		"v1 name":                  {"PROXY TCP4 localhost 1.2.3.4 1 2\r\n", nil},
		"v1 port 65536":            {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", nil},
		"v1 port 080":              {"PROXY TCP4 1.2.3.4 1.2.3.4 080 2\r\n", nil},
		"v1 negative port":         {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", nil},
		"v1 name of a family":      {"PROXY TCP46 1.2.3.4 1.2.3.4 1 2\r\n", nil},
		"v1 UNKNOWN5":              {"PROXY UNKNOWN5\r\n", nil},
		"v1 CR alone":              {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", nil},
		"v1 empty address":         {"PROXY TCP4  1.2.3.4 1 2\r\n", nil},
		"v1 octal address":         {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", nil},
		"v2 version 1":             {signatureV2 + "\x11\x11\x00\x00", nil},
		"v2 unknown command":       {signatureV2 + "\x22\x11\x00\x0c123412341212", nil},
		"v2 unknown family":        {signatureV2 + "\x21\x41\x00\x0c123412341212", nil},
		"v2 unknown transport":     {signatureV2 + "\x21\x13\x00\x0c123412341212", nil},
		"v2 too short for IPv4":    {signatureV2 + "\x21\x11\x00\x0b12341234121", nil},
		"v2 too short for IPv6":    {signatureV2 + "\x21\x21\x00\x0c123412341212", nil},
		"v2 too short for UNIX":    {signatureV2 + "\x21\x31\x00\x0c123412341212", nil},
		"v2 extension cut off":     {signatureV2 + "\x21\x11\x00\x0e123412341212\x02\x00", nil},
		"v2 extension beyond it":   {signatureV2 + "\x21\x11\x00\x10123412341212\x02\x00\x02x", nil},
		"v2 nothing, but a family": {signatureV2 + "\x21\x11\x00\x00", nil},
	} {
		length, err := Length([]byte(c.data))
		if c.want != nil {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %d, %v, want %v", name, length, err, c.want)
			}
			continue
		}
		if err != nil || length != len(c.data) {
			t.Errorf("%s: the length is %d, %v, not %d", name, length, err, len(c.data))
			continue
		}
		if got, _, err := Parse([]byte(c.data)); err == nil {
			t.Errorf("%s: taken for %v", name, got)
		} else if strings.Contains(err.Error(), "proxyproto") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLenient has what must not be refused.
func TestLenient(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want Addresses
	}{
		"v1 of 107 bytes":         {"PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", Addresses{}},
		"v1 UNKNOWN, with more":   {"PROXY UNKNOWN ff::1 whatever\x00\x1b[2J\r\n", Addresses{}},
		"v1 IPv6 to IPv4":         {"PROXY TCP6 2001:db8::1 203.0.113.7 1 443\r\n", mixed6},
		"v1 IPv4 to IPv6":         {"PROXY TCP4 192.0.2.1 2001:db8::2 56324 65535\r\n", mixed4},
		"v1 IPv4 as TCP6":         {"PROXY TCP6 192.0.2.1 203.0.113.7 56324 443\r\n", tcp4},
		"v1 IPv6 as TCP4":         {"PROXY TCP4 2001:db8::1 2001:db8::2 1 65535\r\n", tcp6},
		"v1 IPv4-mapped":          {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:203.0.113.7 56324 443\r\n", tcp4},
		"v2 LOCAL of no family":   {signatureV2 + "\x20\xff\x00\x00", Addresses{}},
		"v2 LOCAL, all unlisted":  {signatureV2 + "\x20\x4f\x00\x05\x01\x02\x03\x04\x05", Addresses{}},
		"v2 LOCAL, cut off":       {signatureV2 + "\x20\x21\x00\x03\x01\x02\x03", Addresses{}},
		"v2 AF_UNSPEC, addresses": {signatureV2 + "\x21\x00\x00\x03\x01\x02\x03", Addresses{}},
		"v2 LOCAL with addresses": {signatureV2 + "\x20\x11\x00\x0c\x01\x02\x03\x04\x01\x02\x03\x04\x00\x01\x00\x01", Addresses{}},
		"v2 LOCAL without":        {signatureV2 + "\x20\x00\x00\x00", Addresses{}},
		"v2 with extensions": {signatureV2 + "\x21\x11\x00\x17\xc0\x00\x02\x01\xcb\x00\x71\x07\xdc\x04\x01\xbb" + "\x02\x00\x04host" + "\x04\x00\x01x",
			tcp4},
		"v2 as long as may be": {signatureV2 + "\x21\x11\x10\x00\xc0\x00\x02\x01\xcb\x00\x71\x07\xdc\x04\x01\xbb" + "\x04\x0f\xf1" + strings.Repeat("\x00", 0xff1),
			tcp4},
	} {
		length, err := Length([]byte(c.data))
		if err != nil || length != len(c.data) {
			t.Errorf("%s: the length is %d, %v, not %d", name, length, err, len(c.data))
			continue
		}
		if got, _, err := Parse([]byte(c.data)); err != nil || !same(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}
