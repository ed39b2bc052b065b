package conformance

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// What cases about ends, limits and times share.

// eachCrew runs a case with one worker and with three, at the same time.
func eachCrew(t *testing.T, run func(t *testing.T, workers string)) {
	t.Helper()
	each(t, []string{"--workers=1", "--workers=3"}, func(workers string) string { return workers[2:] }, run)
}

// overCrews makes what a case runs of what runs with each crew.
func overCrews(run func(t *testing.T, p *harness.Program, workers string)) func(*testing.T, *harness.Program) {
	return func(t *testing.T, p *harness.Program) {
		eachCrew(t, func(t *testing.T, workers string) { run(t, p, workers) })
	}
}

// without is a program whose ring does without more features than it does already. epoll
// has none.
func without(p *harness.Program, features string) *harness.Program {
	const option = "--ring-features="
	if p.Name == harness.Epoll.Name {
		return p
	}
	less := *p
	less.Args = slices.Clone(p.Args)
	for i, arg := range less.Args {
		if strings.HasPrefix(arg, option) {
			less.Args[i] += "," + features
			return &less
		}
	}
	less.Args = append(less.Args, option+features)
	return &less
}

// traced is a program that strace traces, with options that say what it does about which
// calls.
func traced(t *testing.T, p *harness.Program, options ...string) *harness.Program {
	t.Helper()
	tracer, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	traced := *p
	traced.Find = func(testing.TB) string { return tracer }
	// -D: the program has the process id that its parent knows.
	traced.Args = slices.Concat([]string{"-D", "-f", "-qq"}, options, []string{p.Executable(t)}, p.Args)
	return &traced
}

// next is the target's end of the next connection that reaches it.
func next(t *testing.T, accepted <-chan *harness.Conn) *harness.Conn {
	t.Helper()
	select {
	case far := <-accepted:
		return far
	case <-time.After(harness.Patience):
		t.Fatalf("no connection reached the target within %v", harness.Patience)
		return nil
	}
}

// wasReset reports whether a TCP peer has reset its connection, whatever is still to be read.
// It tells once.
func wasReset(c *harness.Conn) bool {
	errno := 0
	c.Control(func(fd int) (err error) {
		errno, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		return err
	})
	// A socket whose peer had ended its stream before says EPIPE (tcp_reset).
	return errno == int(unix.ECONNRESET) || errno == int(unix.EPIPE)
}

// awaitReset waits until a peer has reset its connection, and leaves what can still be read.
func awaitReset(t *testing.T, whose string, c *harness.Conn) {
	t.Helper()
	harness.Until(t, whose+" to be reset", func() bool { return wasReset(c) })
}

// awaitHungUp waits until nothing is left of a connection at its other end.
func awaitHungUp(t *testing.T, whose string, c *harness.Conn) {
	t.Helper()
	harness.Until(t, "the other end of "+whose+" to be closed", func() bool { return hungUp(c.Conn) })
}

// vanish takes a TCP socket away without a word to its peer, as a machine does that loses
// its power: TCP_REPAIR, of those who move connections from machine to machine.
func vanish(t *testing.T, c *harness.Conn) {
	t.Helper()
	var failed error
	c.Control(func(fd int) error {
		failed = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
		return nil
	})
	if errors.Is(failed, unix.EPERM) || errors.Is(failed, unix.ENOPROTOOPT) {
		t.Skipf("sockets cannot be taken away (TCP_REPAIR): %v", failed)
	} else if failed != nil {
		t.Fatal(failed)
	}
	c.Close()
}
