package conformance

import (
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var listenCases = []Case{
	{
		Name:   "listen/forms",
		Shows:  "--listen= takes a port, ADDRESS:PORT, [IPV6]:PORT, a path and @NAME",
		Except: notOriginal("no --listen="),
		Run:    overEach(listenForms, func(f listenForm) string { return f.name }, listenTakes),
	},
	{
		Name:   "listen/repeated-and-inherited",
		Shows:  "--listen= can be given several times, along with inherited sockets; all are served",
		Except: notOriginal("no --listen="),
		Run:    listenRepeated,
	},
	{
		Name:   "listen/path-in-use",
		Shows:  "a path that somebody listens on is refused with exit status 1 and left alone",
		Except: notOriginal("no --listen="),
		Run:    listenInUse,
	},
	{
		Name:   "listen/stale-path",
		Shows:  "a socket file that nobody listens on is replaced",
		Except: notOriginal("no --listen="),
		Run:    listenStale,
	},
	{
		Name:   "listen/after-kill",
		Shows:  "killed with 250 connections and restarted at once, it listens again, even though the kernel is still cleaning up",
		Except: notOriginal("no --listen="),
		Run:    listenAfterKill,
	},
	{
		Name:   "listen/both-families",
		Shows:  "0.0.0.0:PORT and [::]:PORT can both be given; an address given twice is not blamed on another process",
		Except: notOriginal("no --listen="),
		Run:    listenBothFamilies,
	},
	{
		Name:   "listen/path-of-a-file",
		Shows:  "a file that is not a socket is refused and left alone",
		Except: notOriginal("no --listen="),
		Run:    listenOnFile,
	},
	{
		Name:   "listen/all-or-nothing",
		Shows:  "when one --listen= is refused, nothing of the others is left behind",
		Except: notOriginal("no --listen="),
		Run:    listenAllOrNothing,
	},
}

// startListening starts a program with --listen= for each spec and returns when
// all of them listen.
func startListening(t *testing.T, p *harness.Program, target string, specs ...string) *harness.Process {
	t.Helper()
	process := harness.Start(t, p, harness.Options{Args: listenArgs(target, specs...), Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	for range specs {
		process.AwaitLine(`^forwarding: `)
	}
	return process
}

func listenArgs(target string, specs ...string) []string {
	var args []string
	for _, spec := range specs {
		args = append(args, "--listen="+spec)
	}
	return append(args, target)
}

// listeningOn finds where a program listens that was given port 0.
func listeningOn(t *testing.T, process *harness.Process) string {
	t.Helper()
	line := process.AwaitLine(`^forwarding: listener=`)
	return regexp.MustCompile(`listener=(\S+)`).FindStringSubmatch(line)[1]
}

type listenForm struct {
	name string
	spec func(t *testing.T) string
	// dial are the addresses on which clients then get through, with %s for the
	// port; none means the spec itself.
	dial []harness.Address
}

var listenForms = []listenForm{
	{"port", fixed("0"), []harness.Address{{Network: "tcp4", Text: "127.0.0.1:%s"}, {Network: "tcp6", Text: "[::1]:%s"}}},
	{"IPv4", fixed("127.0.0.1:0"), []harness.Address{{Network: "tcp4", Text: "127.0.0.1:%s"}}},
	{"IPv6", fixed("[::1]:0"), []harness.Address{{Network: "tcp6", Text: "[::1]:%s"}}},
	{"path", func(t *testing.T) string { return harness.NewAddress(t, harness.Unix).Text }, nil},
	{"abstract", func(t *testing.T) string { return harness.NewAddress(t, harness.Abstract).Text }, nil},
}

func fixed(spec string) func(*testing.T) string { return func(*testing.T) string { return spec } }

func listenTakes(t *testing.T, p *harness.Program, f listenForm) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	spec := f.spec(t)
	process := startListening(t, p, target.Target(), spec)
	dial := f.dial
	if dial == nil {
		dial = []harness.Address{{Network: "unix", Text: spec}}
	} else {
		_, port, err := net.SplitHostPort(listeningOn(t, process))
		if err != nil {
			t.Fatal(err)
		}
		dial = append(dial[:0:0], dial...)
		for i := range dial {
			dial[i].Text = strings.ReplaceAll(dial[i].Text, "%s", port)
		}
	}
	for _, a := range dial {
		echoOnce(t, &harness.Proxy{Process: process, Address: a})
	}
}

func listenRepeated(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	inherited := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	path, name := harness.NewAddress(t, harness.Unix), harness.NewAddress(t, harness.Abstract)
	process := harness.Start(t, p, harness.Options{
		Listeners: []*harness.Listener{inherited},
		Args:      []string{"--listen=" + path.Text, target.Target(), "--listen", name.Text},
		Env:       []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	process.AwaitLine("forwarding: listener=" + regexp.QuoteMeta(name.Text))
	for _, a := range []harness.Address{inherited.Address, path, name} {
		echoOnce(t, &harness.Proxy{Process: process, Address: a})
	}
}

func listenInUse(t *testing.T, p *harness.Program) {
	other := harness.Serve(t, harness.Unix, harness.Echo)
	process := harness.Start(t, p, harness.Options{Args: listenArgs("127.0.0.1:9", other.Text), MayFail: true})
	wantRefusal(t, process, "--listen", other.Text, "listens")
	c := harness.Dial(t, other.Listener.Address)
	c.SendText("untouched")
	c.ExpectText("untouched")
}

func listenAfterKill(t *testing.T, p *harness.Program) {
	const connections = 250
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	for _, tr := range []harness.Transport{harness.TCP4, harness.Unix} {
		address := harness.Unused(t, tr)
		for range 3 {
			killed := startListening(t, p, target.Target(), address.Text)
			for range connections {
				join(t, &harness.Proxy{Process: killed, Address: address}, accepted)
			}
			killed.Signal(syscall.SIGKILL)
			if status := killed.AwaitExit(); status != "signal: killed" {
				t.Errorf("ended with %s", status)
			}
			again := startListening(t, p, target.Target(), address.Text)
			join(t, &harness.Proxy{Process: again, Address: address}, accepted)
			again.Signal(syscall.SIGTERM)
			wantExit(t, p, again, "")
		}
	}
}

func listenBothFamilies(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	port := harness.Unused(t, harness.TCP4).Port()
	for _, specs := range [][]string{{"0.0.0.0:" + port, "[::]:" + port}, {port, "v4=0.0.0.0:" + port}} {
		process := startListening(t, p, target.Target(), specs...)
		for _, a := range []harness.Address{{Network: "tcp4", Text: "127.0.0.1:" + port}, {Network: "tcp6", Text: "[::1]:" + port}} {
			echoOnce(t, &harness.Proxy{Process: process, Address: a})
		}
		process.Signal(syscall.SIGTERM)
		wantExit(t, p, process, "")
	}
	process := harness.Start(t, p, harness.Options{Args: listenArgs(target.Target(), "web=127.0.0.1:"+port, port), MayFail: true})
	wantRefusal(t, process, "--listen", `this program already listens on 127.0.0.1:`+port+` ("web")`)
}

func listenStale(t *testing.T, p *harness.Program) {
	stale := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	stale.Close() // its file stays
	if _, err := os.Lstat(stale.Text); err != nil {
		t.Fatal(err)
	}
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	process := startListening(t, p, target.Target(), stale.Text)
	echoOnce(t, &harness.Proxy{Process: process, Address: stale.Address})
}

func listenOnFile(t *testing.T, p *harness.Program) {
	path := harness.NewAddress(t, harness.Unix).Text
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	process := harness.Start(t, p, harness.Options{Args: listenArgs("127.0.0.1:9", path), MayFail: true})
	wantRefusal(t, process, "--listen", path, "regular file")
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

func listenAllOrNothing(t *testing.T, p *harness.Program) {
	path := harness.NewAddress(t, harness.Unix)
	process := harness.Start(t, p, harness.Options{Args: listenArgs("127.0.0.1:9", path.Text, "nonsense"), MayFail: true})
	wantRefusal(t, process, "--listen", "nonsense")
	if _, err := os.Lstat(path.Text); err == nil {
		t.Error("the socket file of the other --listen= is left behind")
	}
}
