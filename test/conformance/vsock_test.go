package conformance

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var noVSOCK = notOriginal("no VSOCK targets")

var vsockCases = []Case{
	{
		Name:   "vsock/echo",
		Shows:  "clients over VSOCK reach targets of any kind, and those over VSOCK are reached by clients of any kind",
		Except: noVSOCK,
		Run: overVSOCK(func(t *testing.T, p *harness.Program) {
			each(t, vsockPairs, pair.String, func(t *testing.T, by pair) {
				echoOnce(t, harness.StartProxy(t, p, by.from, harness.Serve(t, by.to, harness.Echo).Target()))
			})
		}),
	},
	{
		Name:   "vsock/stream",
		Shows:  "4 MiB each way at the same time arrive intact over VSOCK, also with several workers",
		Except: noVSOCK,
		Run: overVSOCK(func(t *testing.T, p *harness.Program) {
			each(t, vsockPairs, pair.String, func(t *testing.T, by pair) { vsockStream(t, p, by, "--workers=1") })
			vsockStream(t, p, pair{harness.VSOCK, harness.VSOCK}, "--workers=3")
		}),
	},
	{
		Name:   "vsock/half-close",
		Shows:  "either end can shut down its write side and still receives, over VSOCK as over TCP",
		Except: noVSOCK,
		Run: overVSOCK(func(t *testing.T, p *harness.Program) {
			each(t, vsockPairs, pair.String, func(t *testing.T, by pair) {
				halfCloseByClient(t, p, by)
				halfCloseByTarget(t, p, by)
			})
		}),
	},
	{
		Name:   "vsock/reset",
		Shows:  "a reset reaches a VSOCK peer, for which the kernel has no reset, as the end of the connection in both directions",
		Except: noVSOCK,
		Run:    overVSOCK(func(t *testing.T, p *harness.Program) { resetTowards(t, p, harness.VSOCK) }),
	},
	{
		Name:   "vsock/peer-closes",
		Shows:  "a VSOCK peer that closes with bytes unread ends the connection: what it sent arrives, then the end, and nothing stays behind",
		Except: noVSOCK,
		Run:    overVSOCK(vsockPeerCloses),
	},
	{
		Name:   "vsock/unreachable",
		Shows:  "a VSOCK port on which nobody listens costs the client the connection and one line in the log, which names it",
		Except: noVSOCK,
		Run:    overVSOCK(vsockUnreachable),
	},
	{
		Name:   "vsock/retry",
		Shows:  "--connect-retry= waits for a VSOCK target, also with a VSOCK client that has ended its request",
		Except: noVSOCK,
		Run: overVSOCK(func(t *testing.T, p *harness.Program) {
			each(t, vsockPairs, pair.String, func(t *testing.T, by pair) { retryHalfClosedBy(t, p, by) })
		}),
	},
	{
		Name:   "vsock/times",
		Shows:  "--idle-timeout= ends idle connections over VSOCK, and --keepalive=, which is for TCP, does no harm",
		Except: noVSOCK,
		Run:    overVSOCK(vsockTimes),
	},
	{
		Name:   "vsock/listen",
		Shows:  "--listen= takes vsock:CID:PORT, and vsock::PORT for each CID; the log shows them in that form",
		Except: noVSOCK,
		Run: overVSOCK(func(t *testing.T, p *harness.Program) {
			each(t, vsockForms, func(f [2]string) string { return f[0] }, func(t *testing.T, f [2]string) { vsockListen(t, p, f[0], f[1]) })
		}),
	},
	{
		Name:   "vsock/family",
		Shows:  "--family=vsock takes CID:PORT as target, and by default a target of the form vsock:CID:PORT is one; local is a CID",
		Except: noVSOCK,
		Run:    overVSOCK(vsockFamily),
	},
	{
		Name:   "vsock/accepted",
		Shows:  "a VSOCK connection that the service manager has accepted (Accept=yes) is forwarded, and the program ends with it",
		Except: noVSOCK,
		Run:    overVSOCK(vsockAccepted),
	},
	{
		Name:   "vsock/placeholders",
		Shows:  "{port} leads a TCP port to the same port of VSOCK and back, also in --map= and with --family=vsock",
		Except: noVSOCK,
		Run:    overVSOCK(vsockPlaceholders),
	},
	{
		Name:   "vsock/proxy-protocol",
		Shows:  "the PROXY protocol, which has no form for VSOCK, says UNKNOWN in v1 and no address in v2; a header from a VSOCK client is accepted",
		Except: noVSOCK,
		Run:    overVSOCK(vsockProxyProtocol),
	},
	{
		Name:   "vsock/refused-arguments",
		Shows:  "anything that is not a VSOCK address, or not one to connect to, is refused at start with one line and exit status 1",
		Except: noVSOCK,
		Run:    vsockRefusals,
	},
}

// vsockPairs have VSOCK on one side, and on both.
var vsockPairs = []pair{{harness.VSOCK, harness.TCP4}, {harness.TCP4, harness.VSOCK}, {harness.VSOCK, harness.VSOCK}, {harness.VSOCK, harness.Unix}}

// overVSOCK skips a case where the machine has no loopback of VSOCK.
func overVSOCK(run func(*testing.T, *harness.Program)) func(*testing.T, *harness.Program) {
	return func(t *testing.T, p *harness.Program) {
		harness.NeedVSOCK(t)
		run(t, p)
	}
}

// vsockStream has both ends send at the same time more than all buffers hold, and
// compare checksums.
func vsockStream(t *testing.T, p *harness.Program, by pair, workers string) {
	const size = 4 << 20
	seed := harness.Seed(t)
	target := harness.Serve(t, by.to, func(c *harness.Conn) {
		if err := hashedExchange(c, seed, 1, 0, size); err != nil {
			t.Errorf("target: %v", err)
		}
	})
	proxy := harness.StartProxy(t, p, by.from, target.Target(), workers)
	if err := hashedExchange(proxy.Dial(t), seed, 0, 1, size); err != nil {
		t.Errorf("client: %v", err)
	}
	target.Wait()
}

func vsockPeerCloses(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxyWith(t, p, harness.VSOCK, harness.Options{Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	proxy.AwaitLine("^forwarding: ") // whatever is opened at start is open now
	before := proxy.Descriptors()
	for range 5 {
		client, far := join(t, proxy, accepted)
		far.SendText("never read")
		client.AwaitReadable() // what it could not be sent any more would break the connection
		client.SendText("last words")
		client.Close()
		far.ExpectText("last words")
		far.ExpectEnd()
		far.Close()
	}
	harness.Until(t, "all connections to be closed", func() bool { return proxy.Descriptors() <= before })
}

func vsockUnreachable(t *testing.T, p *harness.Program) {
	address := harness.Unused(t, harness.VSOCK)
	proxy := harness.StartProxy(t, p, harness.TCP4, address.Target())
	proxy.Dial(t).ExpectGone()
	proxy.AwaitLine(`cannot reach the target.*` + regexp.QuoteMeta(address.Text) + `: connection reset by peer`)
	script, accepted := harness.Hand()
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), script)
	echoes(t, proxy, accepted)
	if lines := proxy.Lines(); len(lines) != 1 {
		t.Errorf("it wrote:\n%s", proxy.Stderr())
	}
}

func vsockTimes(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.VSOCK, script)
	proxy := harness.StartProxy(t, p, harness.VSOCK, target.Target(), "--idle-timeout=1s", "--keepalive=5s")
	client := proxy.Dial(t)
	far := <-accepted
	client.ExpectGone()
	far.ExpectGone()
	proxy.AwaitLine(`idle timeout.*idle-timeout=1s listener=vsock:1:\d+$`)
	if lines := proxy.Lines(); len(lines) != 1 {
		t.Errorf("it wrote:\n%s", proxy.Stderr())
	}
}

// vsockForms are addresses to listen on, and what they print as.
var vsockForms = [][2]string{
	{"vsock:1:0", `vsock:1:\d+`}, {"vsock:local:0", `vsock:1:\d+`}, {"vsock-stream:1:0", `vsock:1:\d+`}, {"vsock::0", `vsock::\d+`},
}

func vsockListen(t *testing.T, p *harness.Program, spec, printed string) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	process := startListening(t, p, target.Target(), spec)
	at := listeningOn(t, process)
	if !regexp.MustCompile("^" + printed + "$").MatchString(at) {
		t.Errorf("--listen=%s prints as %q", spec, at)
	}
	at = strings.Replace(at, "vsock::", "vsock:1:", 1)
	echoOnce(t, &harness.Proxy{Process: process, Address: harness.Address{Transport: harness.VSOCK, Network: "vsock", Text: at}})
	again := harness.Start(t, p, harness.Options{Args: listenArgs(target.Target(), at), MayFail: true})
	wantRefusal(t, again, "--listen", at, "address already in use")
}

func vsockFamily(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.VSOCK, harness.Echo)
	port := target.VSOCKPort()
	for _, args := range [][]string{
		{"--family=vsock", "1:" + port}, {"--family=vsock", "local:" + port}, {"--family=vsock", "vsock:1:" + port},
		{"vsock:local:" + port}, {"--family=auto", "vsock-stream:1:" + port},
	} {
		l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
		process := harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: args})
		echoOnce(t, &harness.Proxy{Process: process, Address: l.Address})
	}
}

func vsockAccepted(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	for _, flags := range []int{0, unix.SOCK_NONBLOCK} {
		c := acceptOn(t, harness.VSOCK, flags)
		process := startWith(t, p, harness.Options{Args: []string{target.Target()}}, c)
		c.client.SendText("accepted")
		c.client.EndWriting()
		c.client.ExpectText("accepted")
		c.client.ExpectEnd()
		c.client.Close()
		wantEnd(t, process, 0)
	}
}

func vsockPlaceholders(t *testing.T, p *harness.Program) {
	for _, args := range [][]string{
		{"vsock:1:{port}"}, {"--map=test.socket=vsock:local:{port}"}, {"--map=test.socket=1:{port}", "--family=vsock"},
	} {
		l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
		at := harness.Address{Transport: harness.VSOCK, Network: "vsock", Text: "vsock:1:" + l.Port()}
		harness.ServeOn(t, harness.ListenOn(t, at, harness.SocketOptions{}), harness.Echo)
		process := harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: args})
		echoOnce(t, &harness.Proxy{Process: process, Address: l.Address})
	}
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	spec := "vsock:1:" + target.Port()
	process := startListening(t, p, "127.0.0.1:{port}", "named="+spec)
	echoOnce(t, &harness.Proxy{Process: process, Address: harness.Address{Transport: harness.VSOCK, Network: "vsock", Text: spec}})
}

func vsockProxyProtocol(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.VSOCK, script)
	for version, header := range map[string]string{"v1": "PROXY UNKNOWN\r\n", "v2": "\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00"} {
		proxy := harness.StartProxy(t, p, harness.VSOCK, target.Target(), "--proxy-protocol="+version)
		proxy.Dial(t).SendText("behind it")
		(<-accepted).ExpectText(header + "behind it")
	}
	proxy := harness.StartProxy(t, p, harness.VSOCK, target.Target(), "--proxy-protocol=v1", "--accept-proxy-protocol")
	client := proxy.Dial(t)
	client.Send(sentHeader(t, 2))
	client.SendText("behind it")
	(<-accepted).ExpectText("PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\nbehind it")
	bad := proxy.Dial(t)
	bad.SendText("GET / HTTP/1.0\r\n\r\n")
	if _, err := io.Copy(io.Discard, bad); err != nil {
		t.Errorf("the end of the refused: %v", err)
	}
	// The client itself does not know its CID: the kernel has bound it to a port alone.
	from := strings.Replace(bad.LocalAddr().String(), "vsock::", "vsock:1:", 1)
	proxy.AwaitLine(`no usable PROXY header.*client=` + from + ` listener=` + regexp.QuoteMeta(proxy.Address.Text) + `$`)
}

func vsockRefusals(t *testing.T, p *harness.Program) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"vsock::80"}, []string{`"vsock::80"`, "no CID to connect to"}},
		{[]string{"vsock:4294967295:80"}, []string{"no CID to connect to"}},
		{[]string{"vsock:2:4294967295"}, []string{`"4294967295" is not a VSOCK port`}},
		{[]string{"vsock:guest:80"}, []string{`"guest" is not a CID; write a number`}},
		{[]string{"--family=vsock", "2"}, []string{"not a VSOCK address with a port"}},
		{[]string{"--family=vsock", "/run/x"}, []string{"not a VSOCK address with a port"}},
		{[]string{"--family=inet", "2:80"}, []string{"--family", "choose auto or vsock"}},
		{[]string{"--listen=vsock:80", "/x"}, []string{"--listen", "not a VSOCK address with a port"}},
		{[]string{"--listen=vsock:1:http", "/x"}, []string{"--listen", `"http" is not a VSOCK port`}},
		{[]string{"--listen=vsock-dgram:1:80", "/x"}, []string{"--listen", "not a stream socket"}},
		{[]string{"--listen=vsock:4242:1234", "/x"}, []string{"--listen"}}, // the kernel's reason, of which there are some
	} {
		process := harness.Start(t, p, harness.Options{Args: append([]string{"--listen=127.0.0.1:0"}, c.args...), MayFail: true})
		wantRefusal(t, process, c.says...)
	}
}
