package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var targetCases = []Case{
	{
		Name:  "target/unreachable",
		Shows: "a target that refuses, is not there or has no address costs its client the connection and one line in the log; the proxy goes on",
		Run:   overEach(unreachables, func(u unreachable) string { return u.name }, targetUnreachable),
	},
	{
		Name:   "target/no-socket",
		Shows:  "if the target's path is a file other than a socket, the log says so; once a socket is there, the next connection reaches it",
		Except: notOriginal("says that the connection was refused"),
		Run:    targetNoSocket,
	},
	{
		Name:   "target/unix-prefix",
		Shows:  "unix:/PATH, unix:///PATH and unix:@NAME mean the UNIX sockets that they look like",
		Except: original("looks for a host called unix"),
		Run:    targetUnixPrefix,
	},
	{
		Name:  "target/comes-back",
		Shows: "once the target listens, the next connection reaches it",
		Run:   targetComesBack,
	},
	{
		Name:   "target/next-address",
		Shows:  "when the first address of a target refuses, the next is tried",
		Except: original("only the first address is tried"),
		Run:    nextAddress,
	},
	{
		Name:   "target/full-backlog",
		Shows:  "connections to a UNIX target whose queue is full wait until it accepts",
		Except: notOriginal("its connect fails with EAGAIN"),
		Run:    fullBacklog,
	},
	{
		Name:   "target/port-out-of-range",
		Shows:  "a target's port above 65535 is refused at start, with the reason",
		Except: original("it connects to the port modulo 65536"),
		Run:    portOutOfRange,
	},
	{
		Name:   "target/brackets",
		Shows:  "[IPV6]:PORT is a target",
		Except: original("it looks up the brackets as part of a name"),
		Run:    brackets,
	},
}

type unreachable struct {
	name   string
	target func(t *testing.T) string
	reason string // in the log, of our program
}

var unreachables = []unreachable{
	{"refused", func(t *testing.T) string { return harness.Unused(t, harness.TCP4).Target() }, "connection refused"},
	{"no such path", func(t *testing.T) string { return harness.Unused(t, harness.Unix).Target() }, "no such file"},
	{"no such abstract name", func(t *testing.T) string { return harness.Unused(t, harness.Abstract).Target() }, "connection refused"},
	{"unresolvable", func(t *testing.T) string { return "no-such-host.invalid:80" }, "no-such-host.invalid"},
}

func targetUnreachable(t *testing.T, p *harness.Program, u unreachable) {
	target := u.target(t)
	proxy := harness.StartProxy(t, p, harness.TCP4, target)
	for i := range 2 { // the second shows that it lives on
		client := proxy.Dial(t)
		client.ExpectGone()
		if !p.IsOurs() {
			harness.Until(t, "a line in the log", func() bool { return len(proxy.Lines()) > i })
			continue
		}
		harness.Until(t, "a line in the log", func() bool { return len(proxy.Lines()) > i })
		lines := proxy.Lines()
		line := lines[len(lines)-1]
		if len(lines) != i+1 || !strings.Contains(line, target) || !strings.Contains(line, u.reason) {
			t.Errorf("after %d connections the log is not %d lines that name %q and %q:\n%s", i+1, i+1, target, u.reason, proxy.Stderr())
		}
	}
	if !proxy.Running() {
		t.Error("the proxy has ended")
	}
}

func targetComesBack(t *testing.T, p *harness.Program) {
	address := harness.NewAddress(t, harness.Unix)
	proxy := harness.StartProxy(t, p, harness.TCP4, address.Target())
	proxy.Dial(t).ExpectGone()
	script, accepted := harness.Hand()
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), script)
	echoes(t, proxy, accepted)
}

func targetNoSocket(t *testing.T, p *harness.Program) {
	address := harness.NewAddress(t, harness.Unix)
	proxy := harness.StartProxy(t, p, harness.TCP4, address.Target())
	proxy.Dial(t).ExpectGone()
	proxy.AwaitLine(`cannot reach the target.*no such file or directory"$`)
	if err := os.WriteFile(address.Text, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	proxy.Dial(t).ExpectGone()
	proxy.AwaitLine(`cannot reach the target.*connection refused: it is a regular file, not a socket`)
	if err := os.Remove(address.Text); err != nil {
		t.Fatal(err)
	}
	script, accepted := harness.Hand()
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), script)
	echoes(t, proxy, accepted)
}

func targetUnixPrefix(t *testing.T, p *harness.Program) {
	for tr, prefixes := range map[harness.Transport][]string{harness.Unix: {"unix:", "unix://"}, harness.Abstract: {"unix:"}} {
		script, accepted := harness.Hand()
		target := harness.Serve(t, tr, script)
		for _, prefix := range prefixes {
			proxy := harness.StartProxy(t, p, harness.TCP4, prefix+target.Target())
			if p.IsOurs() {
				echoes(t, proxy, accepted)
			} else {
				proxy.Dial(t).ExpectGone()
			}
		}
	}
}

// nextAddress relies on "*", which stands for ::1, then 127.0.0.1, whatever the
// machine's host names are.
func nextAddress(t *testing.T, p *harness.Program) {
	listening := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	if c, err := harness.TryDial(harness.Address{Network: "tcp6", Text: "[::1]:" + listening.Port()}, harness.SocketOptions{}); err == nil {
		c.Close()
		t.Skip("somebody has the same port on ::1")
	}
	target := harness.ServeOn(t, listening, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, "*:"+target.Port())
	client := proxy.Dial(t)
	if !p.IsOurs() {
		client.ExpectGone()
		return
	}
	client.SendText("found")
	client.ExpectText("found")
}

// fullBacklog fills the queue of a UNIX target that does not accept, then makes
// it accept.
func fullBacklog(t *testing.T, p *harness.Program) {
	stuck := filepath.Join(harness.ShortDir(t), "stuck")
	backlog := harness.ListenNarrow(t, harness.Address{Transport: harness.Unix, Network: "unix", Text: stuck}, 1)
	proxy := harness.StartProxy(t, p, harness.TCP4, stuck)
	var clients []*harness.Conn
	for i := range 8 {
		c := proxy.Dial(t)
		c.SendText(fmt.Sprint(i))
		clients = append(clients, c)
	}
	harness.ServeOn(t, backlog, harness.Echo)
	for i, c := range clients {
		c.ExpectText(fmt.Sprint(i))
	}
}

func portOutOfRange(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	port, err := strconv.Atoi(target.Address.Port())
	if err != nil {
		t.Fatal(err)
	}
	wrapped := fmt.Sprintf("127.0.0.1:%d", port+1<<16)
	if !p.IsOurs() {
		echoOnce(t, harness.StartProxy(t, p, harness.TCP4, wrapped))
		return
	}
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	wantRefusal(t, harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: []string{wrapped}, MayFail: true}), wrapped, "65535")
}

func brackets(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP6, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Text)
	if p.IsOurs() {
		echoOnce(t, proxy)
		return
	}
	proxy.Dial(t).ExpectGone()
	proxy.AwaitLine("resolve")
}
