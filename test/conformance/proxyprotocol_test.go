package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// The newest original sends headers of v1, and takes none off.
var (
	sendsNone = notOlder("no --proxy-protocol=")
	takesNone = either(sendsNone, notNewer("no --accept-proxy-protocol"))
)

var proxyProtocolCases = []Case{
	{
		Name:   "proxy-protocol/addresses",
		Shows:  "--proxy-protocol=v1 and v2 tell the target the client's address and the listener's, for TCP over IPv4 and IPv6 and for UNIX, before the first byte",
		Except: either(sendsNone, newer("only v1")),
		Run:    headerAddresses,
	},
	{
		Name:   "proxy-protocol/short-forms",
		Shows:  "--p, --pr and --pro are short for --proxy-protocol=, as with the original of systemd 262",
		Except: either(sendsNone, newer("only v1")),
		Run:    headerShortForms,
	},
	{
		Name:   "proxy-protocol/one-packet",
		Shows:  "the header and what the client has sent by then reach the target in one packet",
		Except: either(sendsNone, newer("in two")),
		Run:    headerInOnePacket,
	},
	{
		Name:   "proxy-protocol/server-speaks-first",
		Shows:  "the header does not wait for the client to send",
		Except: sendsNone,
		Run:    headerAtOnce,
	},
	{
		Name:   "proxy-protocol/accepted",
		Shows:  "--accept-proxy-protocol strips a header, however it is split, and passes on what follows it",
		Except: takesNone,
		Run:    headerAccepted,
	},
	{
		Name:   "proxy-protocol/chain",
		Shows:  "through a chain of two proxies, the first client's address reaches the target",
		Except: takesNone,
		Run:    headerChain,
	},
	{
		Name:   "proxy-protocol/malformed",
		Shows:  "a client without a proper header is reset and logged, and never reaches the target",
		Except: takesNone,
		Run:    headerMalformed,
	},
	{
		Name:   "proxy-protocol/late",
		Shows:  "clients that never finish their header are reset after five seconds and give their places back",
		Except: takesNone,
		Run:    headerLate,
	},
	{
		Name:   "proxy-protocol/stream",
		Shows:  "16 MiB each way after a header arrive intact, also with several workers, and the end is passed on",
		Except: either(sendsNone, newer("behind a header of v1 they do; it has no workers, and takes no header off")),
		Run:    headerStream,
	},
}

// expectHeader reads a header from a target's connection, and what is behind it stays
// readable from the reader.
func expectHeader(t *testing.T, far *harness.Conn) (*proxyproto.Header, *bufio.Reader) {
	t.Helper()
	reader := bufio.NewReaderSize(far, 4096)
	header, err := proxyproto.Read(reader)
	if err != nil {
		t.Errorf("the target got no header: %v", err)
		return nil, reader
	}
	return header, reader
}

func headerAddresses(t *testing.T, p *harness.Program) {
	versions := []string{"v1", "v2"}
	if !p.IsOurs() {
		versions = versions[:1]
	}
	for _, version := range versions {
		each(t, harness.Transports, func(tr harness.Transport) string { return version + "/" + string(tr) }, func(t *testing.T, tr harness.Transport) {
			script, accepted := harness.Hand()
			target := harness.Serve(t, harness.TCP4, script)
			proxy := harness.StartProxy(t, p, tr, target.Target(), "--proxy-protocol="+version)
			client := proxy.Dial(t)
			far := <-accepted
			if version == "v2" && tr == harness.Abstract {
				wantAbstract(t, far, client)
				return
			}
			header, reader := expectHeader(t, far)
			if header == nil {
				return
			}
			client.SendText("behind it\n")
			if line, err := reader.ReadString('\n'); line != "behind it\n" {
				t.Errorf("behind the header: %q, %v", line, err)
			}
			wantAddresses(t, header, client, version, tr)
		})
	}
}

func headerShortForms(t *testing.T, p *harness.Program) {
	for _, args := range [][]string{{"--p=v1"}, {"--p", "v2"}, {"--pr=v2"}, {"--pr", "v1"}, {"--pro=v1"}, {"--pro", "v2"}} {
		if !p.IsOurs() && strings.HasSuffix(args[len(args)-1], "v2") {
			continue // it knows only v1
		}
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		client := harness.StartProxy(t, p, harness.TCP4, target.Target(), args...).Dial(t)
		if header, _ := expectHeader(t, <-accepted); header != nil {
			wantAddresses(t, header, client, "v1", harness.TCP4)
		}
	}
}

func wantAddresses(t *testing.T, header *proxyproto.Header, client *harness.Conn, version string, tr harness.Transport) {
	t.Helper()
	switch {
	case tr.IsTCP():
		if header.SourceAddr.String() != client.LocalAddr().String() || header.DestinationAddr.String() != client.RemoteAddr().String() {
			t.Errorf("the header says %v to %v, the client %v to %v", header.SourceAddr, header.DestinationAddr, client.LocalAddr(), client.RemoteAddr())
		}
	case version == "v1":
		if header.TransportProtocol != proxyproto.UNSPEC {
			t.Errorf("the header says %v, want UNKNOWN", header.TransportProtocol)
		}
	default:
		want := client.RemoteAddr().String()
		if got := header.DestinationAddr.String(); header.TransportProtocol != proxyproto.UnixStream || got != want {
			t.Errorf("the header says %v to %q, want UNIX to %q", header.TransportProtocol, got, want)
		}
	}
}

// wantAbstract looks at the bytes themselves: a name that begins with a zero byte is
// more than the library reads.
func wantAbstract(t *testing.T, far, client *harness.Conn) {
	t.Helper()
	const prefix, path = proxyPrefix, 108
	header := make([]byte, prefix+2*path)
	if _, err := io.ReadFull(far, header); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, path)
	copy(want[1:], client.RemoteAddr().String()[1:])
	if header[13] != 0x31 || !bytes.Equal(header[prefix+path:], want) {
		t.Errorf("the header is %q, want a UNIX stream to %q", header, want)
	}
}

// proxyPrefix is what a v2 header has in front of the addresses, bytes.
const proxyPrefix = 16

// headerInOnePacket stops the program while the client sends, so that its request is at
// hand when the target is connected.
func headerInOnePacket(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--proxy-protocol=v1")
	proxy.Pause()
	client := proxy.Dial(t)
	client.SendText("a request")
	client.AwaitDelivered()
	proxy.Signal(syscall.SIGCONT)
	far := <-accepted
	want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %s\r\na request", client.LocalAddr().(*net.TCPAddr).Port, proxy.Address.Port())
	far.ExpectText(want)
	far.Control(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		want := uint32(1)
		if !p.IsOurs() {
			want = 2
		}
		if err == nil && info.Data_segs_in != want {
			t.Errorf("header and request came in %d packets, want %d", info.Data_segs_in, want)
		}
		return err
	})
}

func headerAtOnce(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		expectHeader(t, c)
		c.SendText("welcome")
	})
	version := "v2"
	if !p.IsOurs() {
		version = "v1"
	}
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--proxy-protocol="+version)
	client := proxy.Dial(t)
	client.ExpectText("welcome")
	client.ExpectEnd()
}

// sentHeader is a header of a version from an address that no test client has.
func sentHeader(t *testing.T, version byte) []byte {
	t.Helper()
	source := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7).To4(), Port: 4711}
	destination := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 8).To4(), Port: 443}
	header, err := proxyproto.HeaderProxyFromAddrs(version, source, destination).Format()
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func headerAccepted(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--accept-proxy-protocol", "-c1000")
	for version := byte(1); version <= 2; version++ {
		bytes := append(sentHeader(t, version), "payload"...)
		for cut := range len(bytes) {
			client := proxy.Dial(t)
			client.Send(bytes[:cut])
			client.AwaitDelivered()
			client.Send(bytes[cut:])
			far := <-accepted
			far.ExpectText("payload")
			far.SendText("answer")
			client.ExpectText("answer")
			client.Close()
			far.ExpectEnd()
			far.Close()
		}
	}
	client := proxy.Dial(t) // one that ends its stream behind the header
	client.Send(sentHeader(t, 1))
	client.EndWriting()
	far := <-accepted
	far.ExpectEnd()
	far.SendText("late answer")
	client.ExpectText("late answer")
}

func headerChain(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	second := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--accept-proxy-protocol", "--proxy-protocol=v1")
	first := harness.StartProxy(t, p, harness.TCP6, second.Address.Target(), "--proxy-protocol=v2")
	client := first.Dial(t)
	client.SendText("through both")
	header, reader := expectHeader(t, <-accepted)
	if header == nil {
		return
	}
	wantAddresses(t, header, client, "v1", harness.TCP6)
	got := make([]byte, len("through both"))
	if n, err := reader.Read(got); string(got[:n]) != "through both" {
		t.Errorf("behind the header: %q, %v", got[:n], err)
	}
}

func headerMalformed(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--accept-proxy-protocol")
	v2 := sentHeader(t, 2)
	wrongCommand := bytes.Clone(v2)
	wrongCommand[12] = 0x2f
	tooLong := bytes.Clone(v2)
	tooLong[14], tooLong[15] = 0xff, 0xff
	for _, bad := range []string{
		"GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 a b c d\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 99999 1\r\n",
		"PROXY " + strings.Repeat("x", 200), "\x16\x03\x01", string(wrongCommand), string(tooLong),
	} {
		client := proxy.Dial(t)
		client.SendText(bad)
		client.ExpectGone()
		figures.Count("faults", 1)
	}
	proxy.AwaitLine(`no usable PROXY header.*client=127\.0\.0\.1:`)
	good := proxy.Dial(t)
	good.Send(append(sentHeader(t, 2), "good"...))
	(<-accepted).ExpectText("good")
	if len(accepted) > 0 {
		t.Errorf("%d clients without a header reached the target", len(accepted))
	}
}

func headerLate(t *testing.T, p *harness.Program) {
	const limit = 20
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--accept-proxy-protocol", fmt.Sprintf("-c%d", limit+1))
	began := time.Now()
	var slow []*harness.Conn
	for i := range limit {
		client := proxy.Dial(t)
		client.Send(sentHeader(t, 1)[:i%5])
		slow = append(slow, client)
	}
	served := proxy.Dial(t) // the last place
	served.Send(append(sentHeader(t, 1), "in"...))
	served.ExpectText("in")
	for _, client := range slow {
		client.ExpectGone()
		figures.Count("faults", 1)
	}
	if after := time.Since(began); after < 5*time.Second {
		t.Errorf("they were reset after %v already", after)
	}
	for range limit {
		client := proxy.Dial(t)
		client.Send(append(sentHeader(t, 2), "place"...))
		client.ExpectText("place")
	}
	served.SendText("still in")
	served.ExpectText("still in")
}

func headerStream(t *testing.T, p *harness.Program) {
	const size = 16 << 20
	seed := harness.Seed(t)
	settings := [][]string{
		{"--accept-proxy-protocol", "--proxy-protocol=v2", "--workers=1"},
		{"--accept-proxy-protocol", "--proxy-protocol=v2", "--workers=3"},
	}
	if !p.IsOurs() {
		settings = [][]string{{"--proxy-protocol=v1"}}
	}
	for _, options := range settings {
		target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
			header, reader := expectHeader(t, c)
			if header == nil || p.IsOurs() && header.SourceAddr.String() != "192.0.2.7:4711" {
				t.Errorf("the header says %+v", header)
				return
			}
			done := make(chan error, 1)
			go func() { done <- harness.NewPattern(seed, 2).SendTo(c, size, nil) }()
			if err := harness.NewPattern(seed, 1).Check(reader, size); err != nil {
				t.Error(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), options...)
		for range 3 {
			client := proxy.Dial(t)
			if p.IsOurs() {
				client.Send(sentHeader(t, 1))
			}
			go func() {
				if err := harness.NewPattern(seed, 1).SendTo(client, size, nil); err != nil {
					t.Error(err)
				}
				client.EndWriting()
			}()
			if err := harness.NewPattern(seed, 2).Check(client, size); err != nil {
				t.Error(err)
			}
		}
		target.Wait()
	}
}
