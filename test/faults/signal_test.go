package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var signalCases = []Case{
	{
		Name:  "signal/storm",
		Shows: "thousands of signals that end no program, and of those that the program ignores, disturb no transfer",
		Run:   signalStorm,
	},
	{
		Name:  "signal/stopped-again-and-again",
		Shows: "a program that is stopped and continued 100 times loses nothing",
		Run:   stoppedAgainAndAgain,
	},
	{
		Name:  "signal/stopped-while-all-change",
		Shows: "what 300 peers do while the program is stopped (send, end, reset, come anew) is dealt with when it goes on",
		Run:   stoppedWhileAllChange,
	},
	{
		Name:  "signal/SIGTERM-storm",
		Shows: "a hundred SIGTERMs at once end the program as one does: with status 0 and all connections reset",
		Run:   terminateOften,
	},
}

// harmless are the signals that must not disturb: those that end no program, those
// that Go's runtime uses, those that it catches and drops, and SIGUSR1, which asks for
// the counters.
func harmless() []syscall.Signal {
	all := []syscall.Signal{
		unix.SIGURG, unix.SIGWINCH, unix.SIGCHLD, unix.SIGCONT, unix.SIGPIPE,
		unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGVTALRM, unix.SIGIO, unix.SIGPWR,
	}
	// Real-time signals; the C library keeps the first ones to itself.
	for s := syscall.Signal(36); s <= 64; s += 7 {
		all = append(all, s)
	}
	return all
}

func signalStorm(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{options: harness.Options{Args: []string{"--workers=2"}}})
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	flows(far, client)
	for range 4 {
		for range scaled(100) {
			for _, signal := range harmless() {
				s.Signal(signal)
				injected(1)
			}
		}
		s.progress("in the storm")
		far.awaitReceived(far.received.Load() + 1<<20)
		client.awaitReceived(client.received.Load() + 1<<20)
	}
	for _, line := range s.Lines() {
		if !strings.HasPrefix(line, "counters: ") { // as SIGUSR1 asks for
			t.Errorf("it wrote %q", line)
		}
	}
	s.end()
}

func stoppedAgainAndAgain(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	for range scaled(100) {
		s.Signal(unix.SIGSTOP)
		s.Signal(unix.SIGCONT)
		injected(1)
	}
	for range 5 {
		s.Pause()
		s.Signal(unix.SIGCONT)
		injected(1)
		far.awaitReceived(far.received.Load() + 1<<20)
	}
	s.progress("after it was stopped")
	s.end()
}

func stoppedWhileAllChange(t *testing.T, p *harness.Program) {
	peers := scaled(100)
	s := set(t, p, setting{options: harness.Options{Args: []string{fmt.Sprintf("-c%d", 4*peers)}}})
	var clients, fars []*end
	for range 2 * peers {
		client, far := s.joinEnds(harness.SocketOptions{})
		clients, fars = append(clients, client), append(fars, far)
	}
	var anew []*harness.Conn
	s.rest(func() {
		s.Pause()
		for i, client := range clients {
			injected(1)
			change(i, client, fars[i])
		}
		for range peers {
			injected(1)
			c := s.dial()
			c.Send([]byte{kindEcho, '?'})
			anew = append(anew, c)
		}
		s.Signal(unix.SIGCONT)
	})
	for i, client := range clients {
		changed(i, client, fars[i])
	}
	for _, c := range anew {
		c.ExpectText("?")
	}
	s.end()
}

// changes is how many things change does, by i.
const changes = 5

func change(i int, client, far *end) {
	switch i % changes {
	case 0:
		client.Reset()
	case 1:
		far.Reset()
	case 2: // both at the same time
		client.Reset()
		far.Reset()
	case 3:
		client.SendText("the last words")
		client.EndWriting()
		far.SendText("and an answer")
		far.EndWriting()
	case 4:
		client.SendText("words")
		far.SendText("words")
	}
}

// changed checks what a change has come to.
func changed(i int, client, far *end) {
	switch i % changes {
	case 0:
		far.expectBroken()
	case 1:
		client.expectBroken()
	case 3:
		far.ExpectText("the last words")
		far.ExpectEnd()
		client.ExpectText("and an answer")
		client.ExpectEnd()
	case 4:
		far.ExpectText("words")
		client.ExpectText("words")
	}
}

func terminateOften(t *testing.T, p *harness.Program) {
	s := set(t, p, setting{})
	client, far := s.joinEnds(harness.SocketOptions{})
	flows(client, far)
	for range 100 {
		if !s.Running() {
			break
		}
		injected(1)
		_ = unix.Kill(s.PID(), unix.SIGTERM) // it may have ended
	}
	s.terminated()
	client.expectBroken()
	far.expectBroken()
}
