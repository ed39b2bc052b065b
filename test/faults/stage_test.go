package faults

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// What a client wants of the target, which it says by its first byte.
const (
	kindEcho = 'e' // all is sent back
	kindHand = 'h' // the case plays the target
)

// stage is a proxy, its target, and bystanders: where a case takes place.
type stage struct {
	*harness.Proxy
	*bystanders
	t        *testing.T
	target   *harness.Server
	hand     func(*harness.Conn) // of kindHand: to accepted
	accepted <-chan *harness.Conn
	answers  atomic.Pointer[func(*harness.Conn)]
	seed     uint64
	conns    []*harness.Conn // of the case
	first    kinds           // descriptors before any connection
}

// setting is how a stage is set up. Zero is TCP on both sides.
type setting struct {
	from, to harness.Transport
	on       *harness.Listener // the target's socket, if it is there already
	name     string            // of the target for the proxy; its address if empty
	options  harness.Options   // Args without the target
	limits   harness.SocketOptions
	start    func(func()) // calls what starts the program, where the case wants that
}

// set starts a proxy and its bystanders.
func set(t *testing.T, p *harness.Program, how setting) *stage {
	t.Helper()
	s := &stage{t: t, seed: harness.Seed(t)}
	s.hand, s.accepted = harness.Hand()
	if how.from == "" {
		how.from = harness.TCP4
	}
	if how.to == "" {
		how.to = harness.TCP4
	}
	if how.on == nil {
		how.on = harness.Listen(t, how.to, how.limits)
	}
	s.target = harness.ServeOn(t, how.on, s.play)
	if how.name == "" {
		how.name = how.on.Target()
	}
	how.options.Args = append(how.options.Args[:len(how.options.Args):len(how.options.Args)], how.name)
	if how.start == nil {
		how.start = func(f func()) { f() }
	}
	l := harness.Listen(t, how.from, harness.SocketOptions{})
	how.options.Listeners = []*harness.Listener{l}
	s.Proxy = &harness.Proxy{Address: l.Address}
	how.start(func() { s.Process = harness.Start(t, p, how.options) })
	if s.Process == nil {
		t.FailNow() // how.start has told why
	}
	s.first.pipes = s.descriptors().pipes // those that it was started with
	s.bystanders = standBy(t, s.Proxy, s.seed)
	s.first.others = s.descriptors().others
	return s
}

// answer has the target do something else with the connections that come from now on.
func (s *stage) answer(script func(*harness.Conn)) { s.answers.Store(&script) }

// play is the target's part of a connection.
func (s *stage) play(c *harness.Conn) {
	if script := s.answers.Load(); script != nil {
		(*script)(c)
		return
	}
	kind := make([]byte, 1)
	if _, err := io.ReadFull(c, kind); err != nil {
		return // the client has left before it said a word
	}
	switch kind[0] {
	case kindEcho:
		c.SetDeadline(time.Time{}) // the client's deadline is enough
		harness.Echo(c)
	case kindHand:
		s.hand(c)
	}
}

// dial connects a client that is closed at the end of the case.
func (s *stage) dial() *harness.Conn {
	s.t.Helper()
	return s.dialWith(harness.SocketOptions{})
}

func (s *stage) dialWith(options harness.SocketOptions) *harness.Conn {
	s.t.Helper()
	c := harness.DialWith(s.t, s.Address, options)
	s.conns = append(s.conns, c)
	return c
}

// join makes a connection whose ends the case plays, and returns both.
func (s *stage) join() (client, far *harness.Conn) {
	s.t.Helper()
	return s.joinWith(harness.SocketOptions{})
}

func (s *stage) joinWith(options harness.SocketOptions) (client, far *harness.Conn) {
	s.t.Helper()
	client = s.dialWith(options)
	client.Send([]byte{kindHand})
	far = s.far()
	far.SendText("<")
	client.ExpectText("<")
	return client, far
}

// far is the target's end of the next connection.
func (s *stage) far() *harness.Conn {
	s.t.Helper()
	select {
	case far := <-s.accepted:
		s.conns = append(s.conns, far)
		return far
	case <-time.After(harness.Patience):
		s.t.Fatalf("no connection reached the target within %v", harness.Patience)
		return nil
	}
}

// clear closes what the case has opened.
func (s *stage) clear() {
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// end ends a case whose program still runs: the bystanders are well, and when all have
// left, nothing of them is left.
func (s *stage) end() {
	s.t.Helper()
	s.progress("after the fault")
	s.clear()
	s.leave()
	s.comesBack()
}

// keptPipes is how many idle pipes a worker may keep, of two descriptors each.
const keptPipes = 8

// comesBack waits until the program holds what it held before the first connection.
func (s *stage) comesBack() {
	s.t.Helper()
	var now kinds
	defer func() {
		if s.t.Failed() {
			s.t.Logf("descriptors: %+v, at first %+v", now, s.first)
		}
	}()
	harness.Until(s.t, "the descriptors to come back", func() bool {
		now = s.descriptors()
		return now.sockets == 1 && now.pipes <= s.first.pipes+2*keptPipes && now.others <= s.first.others
	})
}

// kinds counts descriptors.
type kinds struct{ sockets, pipes, others int }

// descriptors counts those of the program, by kind.
func (s *stage) descriptors() (k kinds) {
	s.t.Helper()
	s.eachDescriptor(func(_, what string) {
		switch {
		case strings.HasPrefix(what, "socket:"):
			k.sockets++
		case strings.HasPrefix(what, "pipe:"):
			k.pipes++
		default:
			k.others++
		}
	})
	return k
}

// piped is how many bytes the program's pipes hold.
func (s *stage) piped() (bytes int) {
	s.t.Helper()
	seen := make(map[string]bool) // both ends of a pipe tell
	s.eachDescriptor(func(path, what string) {
		if !strings.HasPrefix(what, "pipe:") || seen[what] {
			return
		}
		seen[what] = true
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return // it has just been closed
		}
		defer unix.Close(fd)
		if n, err := unix.IoctlGetInt(fd, unix.TIOCINQ); err == nil {
			bytes += n
		}
	})
	return bytes
}

// eachDescriptor calls f with the path and the nature of each open descriptor.
func (s *stage) eachDescriptor(f func(path, what string)) {
	s.t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", s.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, entry := range entries {
		path := directory + "/" + entry.Name()
		if what, err := os.Readlink(path); err == nil { // else it has just been closed
			f(path, what)
		}
	}
}

// awaitSockets waits until the program has n sockets besides its listener and the
// bystanders'.
func (s *stage) awaitSockets(what string, n int) {
	s.t.Helper()
	harness.Until(s.t, what, func() bool { return s.descriptors().sockets == 1+2*len(s.all)+n })
}

// terminate sends SIGTERM, after which the program must end well and at once, and all
// its connections be reset.
func (s *stage) terminate() {
	s.t.Helper()
	s.Signal(unix.SIGTERM)
	s.terminated()
}

// terminated waits for that end.
func (s *stage) terminated() {
	s.t.Helper()
	if status := s.AwaitExit(); status != "exit status 0" {
		s.t.Errorf("ended with %s", status)
	}
	s.areCut()
}

// unlink removes the file of a UNIX socket that nobody listens on any more.
func (s *stage) unlink(a harness.Address) {
	s.t.Helper()
	if a.Transport == harness.Unix {
		if err := os.Remove(a.Text); err != nil {
			s.t.Fatal(err)
		}
	}
}
