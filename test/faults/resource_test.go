package faults

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// Cases in which the machine or its operator gives the program too little.
var resourceCases = []Case{
	{
		Name:  "resource/descriptors",
		Shows: "out of descriptors the program pauses accepting without spinning, those that are in go on, and those that wait are served when there is room",
		Run:   outOfDescriptors,
	},
	{
		Name:  "resource/descriptors-for-a-target",
		Shows: "with room for clients but not for as many targets, nobody's transfer is harmed and all are served in the end",
		Run:   oddDescriptors,
	},
	{
		Name:  "resource/locked-memory",
		Shows: "another user than root with 64 KiB of lockable memory, or none, is served by io_uring or by epoll",
		Needs: []need{root},
		Run:   littleLockedMemory,
	},
	{
		Name:  "resource/memory-for-the-pool",
		Shows: "without memory for the ring's pool, --engine=uring ends with status 1 and one line, and --engine=auto serves by epoll",
		Run:   noMemoryForPool,
	},
	{
		Name:  "resource/memory-for-the-second-pool",
		Shows: "with memory for one worker's pool and not for two, --engine=auto serves by epoll, and tells the service manager how it is going",
		Run:   noMemoryForSecondPool,
	},
}

// under is a program that a shell starts after something else, such as a ulimit.
func under(t *testing.T, p *harness.Program, shell string) *harness.Program {
	t.Helper()
	limited := *p
	limited.Args = append([]string{"-c", shell + `; exec "$0" "$@"`, p.Executable(t)}, p.Args...)
	limited.Find = func(t testing.TB) string {
		path, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &limited
}

// idleTicks bounds the processor time of a second in which the program has nothing to
// do but to try again now and then, in hundredths of a second.
const idleTicks = 10

// staysCalm looks at the processor time that the program takes in a second.
func (s *stage) staysCalm(when string) {
	s.t.Helper()
	s.rest(func() {
		before := s.CPUTicks()
		time.Sleep(time.Second) // what is measured
		used := s.CPUTicks() - before
		s.t.Logf("%d ms of processor time in a second %s", 10*used, when)
		if used > idleTicks {
			s.t.Errorf("%d ms of processor time in a second %s, want at most %d", 10*used, when, 10*idleTicks)
		}
	})
}

func outOfDescriptors(t *testing.T, p *harness.Program) {
	const descriptors, waiting = 60, 10
	s := set(t, under(t, p, fmt.Sprintf("ulimit -n %d", descriptors)), setting{})
	var in []*harness.Conn
	for range descriptors {
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		c.SetDeadline(time.Now().Add(time.Second))
		answer := make([]byte, 1)
		n, err := c.Read(answer)
		c.SetDeadline(time.Now().Add(3 * harness.Patience))
		if n == 1 {
			in = append(in, c)
			continue
		}
		injected(1)
		if !isTimeout(err) {
			t.Fatalf("client %d is closed (%v) where it should wait", len(in)+1, err)
		}
		break
	}
	if len(in) < 5 || len(in) > descriptors/2 {
		t.Fatalf("%d clients were served", len(in))
	}
	late := s.conns[len(in):] // the first of them is there
	for range waiting {
		injected(1)
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		late = append(late, c)
	}
	s.progress("out of descriptors")
	s.staysCalm("out of descriptors")
	t.Logf("%d lines in the log, %d clients served, %d waiting", len(s.Lines()), len(in), len(late))
	if lines := len(s.Lines()); lines > 20 {
		t.Errorf("%d lines in the log", lines)
	}
	for _, c := range in {
		c.Close()
	}
	for _, c := range late {
		c.ExpectText("?")
	}
	s.end()
}

func isTimeout(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}

// oddDescriptors has more clients come at once than there are descriptors for, each
// for a while.
func oddDescriptors(t *testing.T, p *harness.Program) {
	const descriptors, clients = 41, 60
	s := set(t, under(t, p, fmt.Sprintf("ulimit -n %d", descriptors)), setting{})
	served := make(chan bool, clients)
	for i := range clients {
		injected(1)
		c := s.dial()
		go func() {
			stream := uint64(i)
			sent := make(chan error, 1)
			go func() {
				_, err := c.Write([]byte{kindEcho})
				if err == nil {
					err = harness.NewPattern(s.seed, stream).SendTo(c.Conn, 200<<10, nil)
				}
				sent <- err
			}()
			err := harness.NewPattern(s.seed, stream).CheckPart(c.Conn, 200<<10)
			c.Close()
			<-sent
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			served <- err == nil
		}()
	}
	n := 0
	for range clients {
		if <-served {
			n++
		}
	}
	s.progress("out of descriptors")
	if n < clients {
		t.Errorf("%d of %d clients were served", n, clients)
	}
	s.end()
}

// nobody is a user who owns nothing.
const nobody = 65534

func littleLockedMemory(t *testing.T, p *harness.Program) {
	for _, limit := range []string{"64", "0"} {
		injected(1)
		auto := *p
		if p.Name != harness.Epoll.Name {
			auto.Args = append(p.Args[:len(p.Args):len(p.Args)], "--engine=auto")
		}
		s := set(t, under(t, &auto, "ulimit -l "+limit), setting{options: harness.Options{User: nobody}})
		t.Logf("with ulimit -l %s it wrote %q", limit, s.Lines())
		if lines := s.Lines(); len(lines) > 1 {
			t.Errorf("%d lines", len(lines))
		}
		s.end()
	}
}

func noMemoryForPool(t *testing.T, p *harness.Program) {
	if p.Name == harness.Epoll.Name {
		t.Skip("it has no pool")
	}
	// The limit has room for the Go runtime, not for a pool of 4 GiB. The race
	// detector's own memory would not fit.
	const limit = "ulimit -v 3000000"
	p = p.Plain()
	injected(2)
	notify := harness.NewNotify(t)
	process := harness.Start(t, under(t, p, limit), harness.Options{
		Args:      []string{"--pool-size=4G", "127.0.0.1:1"},
		Listeners: []*harness.Listener{harness.Listen(t, harness.TCP4, harness.SocketOptions{})},
		Env:       []string{notify.Environment()},
		MayFail:   true,
	})
	failsClearly(t, process, notify)
	auto := *p
	auto.Args = append(p.Args[:len(p.Args):len(p.Args)], "--engine=auto")
	s := set(t, under(t, &auto, limit), setting{options: harness.Options{Args: []string{"--pool-size=4G"}}})
	s.AwaitLine("forwarding with epoll.*memory")
	s.end()
}

func noMemoryForSecondPool(t *testing.T, p *harness.Program) {
	if p.Name != harness.Uring.Name {
		t.Skip("without a pool, or the same as uring")
	}
	// The limit has room for the Go runtime and a pool of 4 GiB.
	const limit = "ulimit -v 7500000"
	p = p.Plain()
	injected(2)
	one := set(t, under(t, p, limit), setting{options: harness.Options{Args: []string{"--pool-size=4G"}}})
	one.end()
	auto := *p
	auto.Args = append(p.Args[:len(p.Args):len(p.Args)], "--engine=auto")
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, under(t, &auto, limit), harness.TCP4, harness.Options{
		Args: []string{"--pool-size=4G", "--workers=2", target.Target()}, Env: []string{notify.Environment()},
	})
	proxy.AwaitLine("forwarding with epoll.*memory")
	client := proxy.Dial(t)
	client.SendText("hello")
	client.ExpectText("hello")
	notify.Await(t, "STATUS=1 connection now, 1 since the start; 5 B to the target, 5 B to clients")
}

// failsClearly checks the end of a program that cannot start.
func failsClearly(t *testing.T, process *harness.Process, notify *harness.Notify) {
	t.Helper()
	status, lines := process.AwaitExit(), process.Lines()
	t.Logf("%s: %q", status, lines)
	if status != "exit status 1" || len(lines) != 1 || !strings.Contains(lines[0], "memory") {
		t.Errorf("it ended with %s and %d lines, want status 1 and one that names the memory:\n%s", status, len(lines), process.Stderr())
	}
	for _, message := range notify.Pending() {
		t.Errorf("it told the service manager %q", message)
	}
}
