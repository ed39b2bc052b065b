package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/pires/go-proxyproto"

	"uring-socket-proxyd/test/lib/harness"
)

// Headers as those who send them write them, whatever the specification says.
var proxyHeaderCases = []Case{
	{
		Name:   "proxy-protocol/mixed-families",
		Shows:  "a v1 line with addresses of different families, as nginx sends it, is accepted, and both are passed on in IPv6 form",
		Except: takesNone,
		Run:    headerMixed,
	},
	{
		Name:   "proxy-protocol/extensions",
		Shows:  "extensions of a v2 header (TLVs) are passed on to a target that gets v2, without checksum and padding, even with the smallest --buffer-size=",
		Except: takesNone,
		Run:    headerExtensions,
	},
	{
		Name:   "proxy-protocol/local",
		Shows:  "a v2 header that says LOCAL is accepted whatever else is in it, and the target gets the connection's own addresses",
		Except: takesNone,
		Run:    headerLocal,
	},
	{
		Name:   "proxy-protocol/probe",
		Shows:  "a client that ends or resets its connection without a byte of a header is closed, and neither logged nor counted as a failure; one that leaves in the middle of the header is",
		Except: takesNone,
		Run:    headerProbe,
	},
}

// headerInOut sends what a client begins with to a new proxy that accepts headers, and
// returns the connection that its target gets.
func headerInOut(t *testing.T, p *harness.Program, bytes []byte, args ...string) (client, far *harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	client = harness.StartProxy(t, p, harness.TCP4, target.Target(), append(args, "--accept-proxy-protocol")...).Dial(t)
	client.Send(bytes)
	return client, <-accepted
}

func headerMixed(t *testing.T, p *harness.Program) {
	for line, want := range map[string]string{
		"PROXY TCP6 2001:db8::1 192.0.2.1 51512 22\r\n":         "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 51512 22\r\n",
		"PROXY TCP4 192.0.2.4 2001:db8::a1:1 48874 25\r\n":      "PROXY TCP6 ::ffff:192.0.2.4 2001:db8::a1:1 48874 25\r\n",
		"PROXY TCP6 192.0.2.7 192.0.2.1 51512 22\r\n":           "PROXY TCP4 192.0.2.7 192.0.2.1 51512 22\r\n",
		"PROXY TCP6 ::ffff:192.0.2.7 192.0.2.1 51512 22\r\n":    "PROXY TCP4 192.0.2.7 192.0.2.1 51512 22\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::a1:1 48874 65535\r\n": "PROXY TCP6 2001:db8::1 2001:db8::a1:1 48874 65535\r\n",
	} {
		_, far := headerInOut(t, p, []byte(line+"hello"))
		far.ExpectText("hello")
		_, far = headerInOut(t, p, []byte(line+"hello"), "--proxy-protocol=v1")
		far.ExpectText(want + "hello")
		_, far = headerInOut(t, p, []byte(line+"hello"), "--proxy-protocol=v2")
		header, _ := expectHeader(t, far)
		if header == nil {
			continue
		}
		told, err := proxyproto.Read(bufio.NewReader(bytes.NewReader([]byte(want))))
		if err != nil {
			t.Fatal(err)
		}
		if !header.SourceAddr.(*net.TCPAddr).IP.Equal(told.SourceAddr.(*net.TCPAddr).IP) || header.DestinationAddr.String() != told.DestinationAddr.String() {
			t.Errorf("%q is passed on as %v to %v", line, header.SourceAddr, header.DestinationAddr)
		}
	}
}

// headerExtensions has a header as long as may be, which is longer than the smallest block
// of the epoll engine.
func headerExtensions(t *testing.T, p *harness.Program) {
	kept := []proxyproto.TLV{
		{Type: 0xea, Value: []byte("\x01endpoint-0123456789")},
		{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: []byte("example.org")},
		{Type: proxyproto.PP2_TYPE_SSL, Value: bytes.Repeat([]byte("cert"), 1008)},
	}
	header, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(sentHeader(t, 2))))
	if err != nil {
		t.Fatal(err)
	}
	own := []proxyproto.TLV{{Type: proxyproto.PP2_TYPE_CRC32C, Value: []byte("sum.")}, {Type: proxyproto.PP2_TYPE_NOOP}}
	if err := header.SetTLVs(append(own, kept...)); err != nil {
		t.Fatal(err)
	}
	sent, err := header.Format()
	if err != nil {
		t.Fatal(err)
	}
	if len(sent) < 4110 {
		t.Fatalf("a header of %d bytes is not as long as may be", len(sent))
	}
	unspecified := bytes.Clone(sent) // for a client of no family, whose addresses take no room
	unspecified[13] = 0
	unspecified = append(unspecified[:proxyPrefix], unspecified[proxyPrefix+12:]...)
	rest := len(unspecified) - proxyPrefix
	unspecified[14], unspecified[15] = byte(rest>>8), byte(rest)
	for _, sent := range [][]byte{sent, unspecified} {
		for _, options := range [][]string{nil, {"--buffer-size=4K"}, {"--fast-open"}} {
			client, far := headerInOut(t, p, append(bytes.Clone(sent), "hello"...), append(options, "--proxy-protocol=v2")...)
			got, reader := expectHeader(t, far)
			if got == nil {
				continue
			}
			want := header.SourceAddr.String()
			if len(sent) == len(unspecified) {
				want = client.LocalAddr().String()
			}
			tlvs, err := got.TLVs()
			if err != nil || fmt.Sprint(tlvs) != fmt.Sprint(kept) || got.SourceAddr.String() != want {
				t.Errorf("%q: %v with %d extensions, %v; want %v and %d", options, got.SourceAddr, len(tlvs), err, want, len(kept))
			}
			hello := make([]byte, len("hello"))
			if n, err := reader.Read(hello); string(hello[:n]) != "hello" {
				t.Errorf("%q: behind the header: %q, %v", options, hello[:n], err)
			}
		}
	}
	_, far := headerInOut(t, p, append(bytes.Clone(sent), "hello"...), "--proxy-protocol=v1") // has no form for them
	far.ExpectText("PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\nhello")
}

func headerLocal(t *testing.T, p *harness.Program) {
	signature := string(sentHeader(t, 2)[:12])
	for _, rest := range []string{"\x20\x00\x00\x00", "\x20\xff\x00\x00", "\x20\x4f\x00\x05\x01\x02\x03\x04\x05", "\x20\x11\x00\x01\x01", "\x20\x11\x00\x0c123412341212"} {
		client, far := headerInOut(t, p, []byte(signature+rest+"hello"), "--proxy-protocol=v1")
		far.ExpectText(fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nhello",
			client.LocalAddr().(*net.TCPAddr).Port, client.RemoteAddr().(*net.TCPAddr).Port))
	}
}

func headerProbe(t *testing.T, p *harness.Program) {
	for _, tr := range []harness.Transport{harness.TCP4, harness.Unix} {
		for _, options := range [][]string{nil, {"--connect-retry=1min"}, {"--pass-fds", "--workers=3"}} {
			target := harness.Serve(t, tr, harness.Echo)
			proxy := harness.StartProxy(t, p, tr, target.Target(), append(options, "--accept-proxy-protocol", "--log-connections")...)
			probes := 0
			left := func() {
				probes++
				harness.Until(t, "the probe to be noticed", func() bool { return len(proxy.Lines()) >= probes })
			}
			proxy.Dial(t).Close()
			left()
			if tr.IsTCP() { // others have no reset
				proxy.Dial(t).Reset()
				left()
			}
			half := proxy.Dial(t)
			half.EndWriting()
			half.ExpectEnd()
			left()
			for _, line := range proxy.Lines() {
				if !strings.HasPrefix(line, "connection closed: ") || !strings.HasSuffix(line, " outcome=client-left") {
					t.Errorf("%q: a probe is logged as %q", options, line)
				}
			}
			cut := proxy.Dial(t)
			cut.Send(sentHeader(t, 2)[:20])
			cut.EndWriting()
			cut.ExpectGone()
			proxy.AwaitLine(`no usable PROXY header.* error="the client left before its header was complete"`)
			proxy.AwaitLine(`^connection closed: .* outcome=bad-header$`) // and is counted right then
			harness.Until(t, "the counters to tell all", func() bool {
				proxy.Signal(syscall.SIGUSR1)
				return strings.Contains(proxy.Stderr(), " failed=0 broken=1 ") && strings.Contains(proxy.Stderr(), " bad-headers=1 ")
			})
		}
	}
}
