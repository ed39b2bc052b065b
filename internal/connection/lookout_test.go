package connection

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
)

// forwarding is a connection that forwards, on which nothing fails by chance.
func forwarding(t *testing.T) (*fake, *fakeTransfer) {
	t.Helper()
	f, c := begun(t, "127.0.0.1:80", forward.Timeouts{}, 0)
	f.fail(c, 0)
	f.expect(c, Forwarding, 0)
	return f, c
}

// TestBrokenSourceStands has a source break while its destination takes nothing of what
// came before: the destination is given a second at least, and two at most.
func TestBrokenSourceStands(t *testing.T) {
	for _, looked := range []bool{false, true} {
		f, c := forwarding(t)
		h := c.ToTarget()
		if looked { // before there was anything
			f.look()
		}
		h.Held = 10
		f.Heard(h, unix.POLLERR)
		if f.AtEase() {
			t.Fatal("nobody looks again")
		}
		f.look() // perhaps right then
		f.expect(c, Forwarding, 0)
		f.look()
		f.expect(c, Free, 0)
		if f.said.count(report.ClientReset.String()) != 1 {
			t.Errorf("the log says %v", f.said.of)
		}
	}
}

// TestBrokenSourceIsTaken has the destination take what came before, if slowly: all of it
// is sent, then the destination is reset.
func TestBrokenSourceIsTaken(t *testing.T) {
	f, c := forwarding(t)
	h := c.ToTarget()
	h.Held = 10
	f.Heard(h, unix.POLLERR)
	for h.Held > 0 {
		f.look()
		f.expect(c, Forwarding, 0)
		f.Sent(h, 1)
	}
	f.SourceFailed(h) // as reading tells now
	f.Proceed(h)
	f.expect(c, Free, 0)
	if h.Moved != 10 || f.Counts.Broken.Load() != 1 {
		t.Errorf("%d bytes were sent, %d connections broke", h.Moved, f.Counts.Broken.Load())
	}
}

// TestStandsAlready has a source break on which nothing has moved since the last look:
// that was long enough.
func TestStandsAlready(t *testing.T) {
	f, c := forwarding(t)
	h := c.ToTarget()
	h.Held = 10
	f.look()
	f.look()
	f.Heard(h, unix.POLLERR)
	f.expect(c, Free, 0)
}

// TestClientLeaves has a client end its stream while it waits for its target: it may want
// to hear what that says, so it is given the time that a connect takes as a rule, unless it
// has closed altogether.
func TestClientLeaves(t *testing.T) {
	for _, test := range []struct {
		events int16
		unix   bool
		looks  int
	}{
		{unix.POLLRDHUP, false, 2},
		{unix.POLLRDHUP, true, 2},
		{unix.POLLRDHUP | unix.POLLHUP, true, 0},
		{unix.POLLERR, false, 0},
	} {
		f, c := begun(t, "127.0.0.1:80", forward.Timeouts{Connect: time.Hour}, 0)
		c.Client.TCP = !test.unix
		f.saying = test.events
		f.Heard(c.ToTarget(), test.events)
		looks := 0
		for ; !c.Finished() && looks < 5; looks++ {
			f.look()
		}
		if looks != test.looks {
			t.Errorf("%#x of a client, on a UNIX socket %v: it has left after %d looks, want %d", test.events, test.unix, looks, test.looks)
		}
	}
}
