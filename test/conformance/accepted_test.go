package conformance

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var onlyListens = notOriginal("takes listening sockets only")

var acceptedCases = []Case{
	{
		Name:   "accepted/forwarded",
		Shows:  "a connection that the service manager has accepted (Accept=yes) is forwarded, whatever its family and blocking or not, and the program ends with it, with exit status 0",
		Except: original("it exits with status 1 and one line"),
		Run:    acceptedForwarded,
	},
	{
		Name:   "accepted/several",
		Shows:  "of several connections passed in, all are forwarded, and the program ends with the last",
		Except: onlyListens,
		Run:    acceptedSeveral,
	},
	{
		Name:   "accepted/blocking",
		Shows:  "a stream that pauses, or is not read, keeps nobody waiting, even if its socket was passed in blocking mode",
		Except: onlyListens,
		Run:    acceptedBlocking,
	},
	{
		Name:   "accepted/with-listener",
		Shows:  "connections and listeners that are passed in together are both served; the program goes on after the connections",
		Except: onlyListens,
		Run:    acceptedWithListener,
	},
	{
		Name:   "accepted/names",
		Shows:  "--map=, {name} and {port} use the name that a connection was passed with and the port that its client connected to",
		Except: onlyListens,
		Run:    acceptedNames,
	},
	{
		Name:   "accepted/limit",
		Shows:  "connections beyond --connections-max= are closed; the program ends with those that were admitted",
		Except: onlyListens,
		Run:    acceptedLimit,
	},
	{
		Name:   "accepted/trouble",
		Shows:  "a client that has already left, or resets, and a target that resets or cannot be reached all end the program with exit status 0",
		Except: onlyListens,
		Run:    overEach(acceptedTroubles, func(a acceptedTrouble) string { return a.name }, acceptedInTrouble),
	},
	{
		Name:   "accepted/mistake",
		Shows:  "a mistake at start resets the connection, so that nothing looks complete to its client",
		Except: onlyListens,
		Run:    acceptedMistake,
	},
	{
		Name:   "accepted/proxy-protocol",
		Shows:  "PROXY headers are sent and accepted as on other connections",
		Except: onlyListens,
		Run:    acceptedProxyProtocol,
	},
	{
		Name:   "accepted/timeouts",
		Shows:  "--connect-retry= and --idle-timeout= apply to connections that are passed in",
		Except: onlyListens,
		Run:    acceptedTimeouts,
	},
	{
		Name:   "accepted/signal",
		Shows:  "SIGTERM resets the connection; with --drain-timeout= it lets it finish, until a second SIGTERM",
		Except: onlyListens,
		Run: func(t *testing.T, p *harness.Program) {
			for _, workers := range []string{"--workers=1", "--workers=3"} {
				t.Run(workers, func(t *testing.T) {
					t.Run("reset", func(t *testing.T) { acceptedStopped(t, p, workers) })
					t.Run("drain", func(t *testing.T) { acceptedDrained(t, p, workers) })
					t.Run("second", func(t *testing.T) { acceptedStoppedAgain(t, p, workers) })
				})
			}
		},
	},
}

// passed is a client and, to be passed on, the connection that was accepted of it.
type passed struct {
	client *harness.Conn
	file   *os.File
}

// accept dials a listening socket of the test's, and accepts there with flags.
func accept(t *testing.T, l *harness.Listener, flags int) passed {
	t.Helper()
	client := harness.Dial(t, l.Address)
	raw, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	poll := []unix.PollFd{{Fd: int32(raw.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, int(harness.Patience.Milliseconds())); n != 1 || err != nil {
		t.Fatalf("no connection arrived: %d, %v", n, err)
	}
	fd, _, err := unix.Accept4(int(raw.Fd()), flags|unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return passed{client, os.NewFile(uintptr(fd), "accepted")}
}

// acceptOn is accept on a new socket.
func acceptOn(t *testing.T, tr harness.Transport, flags int) passed {
	t.Helper()
	return accept(t, harness.Listen(t, tr, harness.SocketOptions{}), flags)
}

// startWith starts a program that connections are passed to, which are its own then.
func startWith(t *testing.T, p *harness.Program, o harness.Options, connections ...passed) *harness.Process {
	t.Helper()
	for _, c := range connections {
		defer c.file.Close()
		o.Files = append(o.Files, c.file)
	}
	return harness.Start(t, p, o)
}

// wantEnd checks that a program ends by itself, and has written so many lines.
func wantEnd(t *testing.T, process *harness.Process, lines int) {
	t.Helper()
	if status := process.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if got := process.Lines(); len(got) != lines {
		t.Errorf("wrote %d lines, want %d:\n%s", len(got), lines, process.Stderr())
	}
}

func acceptedForwarded(t *testing.T, p *harness.Program) {
	if !p.IsOurs() {
		c := acceptOn(t, harness.TCP4, 0)
		c.client.SendText("sent before")
		wantRefusal(t, startWith(t, p, harness.Options{Args: []string{"127.0.0.1:9"}, MayFail: true}, c))
		c.client.ExpectGone()
		return
	}
	const size = 4 << 20
	seed := harness.Seed(t)
	modes := []int{0, unix.SOCK_NONBLOCK}
	for _, flags := range modes {
		each(t, harness.Transports, func(tr harness.Transport) string { return fmt.Sprintf("%s/%#x", tr, flags) }, func(t *testing.T, tr harness.Transport) {
			target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
				c.ExpectText("sent before")
				if err := harness.NewPattern(seed, 1).Check(c, size); err != nil {
					t.Error(err)
				}
				c.ExpectEnd()
				if err := harness.NewPattern(seed, 2).SendTo(c, size, nil); err != nil {
					t.Error(err)
				}
			})
			c := acceptOn(t, tr, flags)
			c.client.SendText("sent before")
			notify := harness.NewNotify(t)
			process := startWith(t, p, harness.Options{Args: []string{target.Target()}, Env: []string{notify.Environment()}}, c)
			notify.Await(t, "READY=1")
			if err := harness.NewPattern(seed, 1).SendTo(c.client, size, nil); err != nil {
				t.Error(err)
			}
			c.client.EndWriting()
			if err := harness.NewPattern(seed, 2).Check(c.client, size); err != nil {
				t.Error(err)
			}
			c.client.ExpectEnd()
			notify.Await(t, "STOPPING=1")
			wantEnd(t, process, 0)
		})
	}
}

func acceptedSeveral(t *testing.T, p *harness.Program) {
	for _, workers := range []string{"--workers=1", "--workers=3"} {
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		var all []passed
		for _, tr := range []harness.Transport{harness.TCP4, harness.Unix, harness.Abstract, harness.TCP4, harness.TCP4} {
			all = append(all, acceptOn(t, tr, 0))
		}
		process := startWith(t, p, harness.Options{Args: []string{target.Target(), workers, "--exit-idle-time=0"}}, all...)
		for i, c := range all {
			text := fmt.Sprint("client ", i)
			c.client.SendText(text)
			c.client.ExpectText(text)
		}
		for i, c := range all {
			if !process.Running() {
				t.Fatalf("it ended before connection %d did", i)
			}
			text := fmt.Sprint("the end of ", i)
			c.client.SendText(text)
			c.client.EndWriting()
			c.client.ExpectText(text)
			c.client.ExpectEnd()
		}
		wantEnd(t, process, 0)
	}
}

func acceptedBlocking(t *testing.T, p *harness.Program) {
	const size = 8 << 20
	seed := harness.Seed(t)
	paused := make(chan struct{})
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		what := make([]byte, 1)
		if _, err := io.ReadFull(c, what); err != nil {
			t.Error(err)
		}
		if what[0] != 's' {
			harness.Echo(c)
			return
		}
		if err := harness.NewPattern(seed, 1).CheckPart(c, size); err != nil {
			t.Error(err)
		}
		close(paused)
		if err := harness.NewPattern(seed, 2).SendTo(c, size, nil); err != nil {
			t.Error(err)
		}
		c.ExpectEnd()
	})
	stream, other := acceptOn(t, harness.TCP4, 0), acceptOn(t, harness.TCP4, 0)
	process := startWith(t, p, harness.Options{Args: []string{target.Target()}}, stream, other)
	wantEcho := func(text string) {
		other.client.SendText(text)
		other.client.ExpectText(text)
	}
	stream.client.SendText("s")
	if err := harness.NewPattern(seed, 1).SendTo(stream.client, size, nil); err != nil {
		t.Error(err)
	}
	<-paused
	other.client.SendText("e")
	for range 100 { // while the answer fills all buffers
		wantEcho("still there?")
	}
	if err := harness.NewPattern(seed, 2).CheckPart(stream.client, size); err != nil {
		t.Error(err)
	}
	for _, c := range []passed{stream, other} {
		c.client.EndWriting()
		c.client.ExpectEnd()
	}
	wantEnd(t, process, 0)
}

func acceptedWithListener(t *testing.T, p *harness.Program) {
	for _, workers := range []string{"--workers=1", "--workers=3"} {
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		c := acceptOn(t, harness.TCP4, 0)
		defer c.file.Close()
		proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
			Files: []*os.File{c.file}, Args: []string{target.Target(), workers}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
		})
		c.file.Close()
		c.client.SendText("passed")
		c.client.ExpectText("passed")
		echoOnce(t, proxy)
		c.client.EndWriting()
		c.client.ExpectEnd()
		echoOnce(t, proxy)
		proxy.Signal(syscall.SIGTERM)
		wantExit(t, p, proxy.Process, "")
		proxy.AwaitLine(`^ended: accepted=3 refused=0 failed=0 broken=0 `)
	}
}

func acceptedNames(t *testing.T, p *harness.Program) {
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	same := harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: "127.0.0.2:" + l.Port()}
	says(t, harness.ListenOn(t, same, harness.SocketOptions{}), "same port")
	folder := harness.ShortDir(t)
	says(t, harness.ListenOn(t, harness.Address{Transport: harness.Unix, Network: "unix", Text: folder + "/connection"}, harness.SocketOptions{}), "same name")
	byPort, byName := accept(t, l, 0), acceptOn(t, harness.Unix, 0)
	process := startWith(t, p, harness.Options{
		Env: named("web", "connection"), Args: []string{"--map=web=127.0.0.2:{port}", folder + "/{name}"},
	}, byPort, byName)
	process.AwaitLine(`^forwarding a connection that was passed in: listener=` + regexp.QuoteMeta(l.Text) + ` name=web target=127\.0\.0\.2:`)
	process.AwaitLine(`^forwarding a connection that was passed in: .* name=connection target=` + regexp.QuoteMeta(folder) + `/connection engine=`)
	for text, c := range map[string]passed{"same port": byPort, "same name": byName} {
		c.client.ExpectText(text)
		c.client.EndWriting()
		c.client.ExpectEnd()
	}
	if status := process.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	process = startWith(t, p, harness.Options{Env: []string{"LISTEN_FDNAMES=connection"}, Args: []string{"--map=web=/x"}, MayFail: true}, acceptOn(t, harness.TCP4, 0))
	wantRefusal(t, process, `no listener is named "web"; choose from "connection"`)
}

func acceptedLimit(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	all := []passed{acceptOn(t, harness.TCP4, 0), acceptOn(t, harness.TCP4, 0), acceptOn(t, harness.TCP4, 0)}
	process := startWith(t, p, harness.Options{Args: []string{"-c2", target.Target()}}, all...)
	all[2].client.ExpectGone()
	process.AwaitLine("connection limit reached")
	for _, c := range all[:2] {
		c.client.SendText("in")
		c.client.EndWriting()
		c.client.ExpectText("in")
		c.client.ExpectEnd()
	}
	wantEnd(t, process, 1)
}

func acceptedMistake(t *testing.T, p *harness.Program) {
	for _, args := range [][]string{{"--map=web=/x"}, {"--listen=nonsense", "/x"}} {
		c := acceptOn(t, harness.TCP4, 0)
		process := startWith(t, p, harness.Options{Args: args, MayFail: true}, c)
		wantRefusal(t, process, args[0][:6])
		c.client.ExpectReset()
	}
}
