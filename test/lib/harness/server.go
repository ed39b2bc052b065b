package harness

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Server is a target under the test's control: it runs a script for each
// connection that reaches it.
type Server struct {
	*Listener
	t       testing.TB
	conns   sync.WaitGroup
	mu      sync.Mutex
	open    map[*Conn]struct{}
	stopped chan struct{}
}

// Serve runs script for each connection to a new socket, and closes the
// connection when the script returns. With the test the server ends: what a
// script still waits for then fails.
func Serve(t testing.TB, tr Transport, script func(*Conn)) *Server {
	t.Helper()
	return ServeOn(t, Listen(t, tr, SocketOptions{}), script)
}

// ServeOn is Serve on a socket that listens already.
func ServeOn(t testing.TB, l *Listener, script func(*Conn)) *Server {
	s := &Server{Listener: l, t: t, open: make(map[*Conn]struct{}), stopped: make(chan struct{})}
	s.conns.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("the target accepts no more: %v", err)
				}
				return
			}
			c := newConn(t, raw)
			if s.enter(c) {
				s.conns.Go(func() {
					defer s.leave(c)
					script(c)
				})
			}
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *Server) enter(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
		c.Close()
		return false
	default:
	}
	c.released = s.stopped
	s.open[c] = struct{}{}
	return true
}

func (s *Server) leave(c *Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// Wait waits until every script that has begun has returned. A test that ends
// before would cut them off.
func (s *Server) Wait() {
	s.t.Helper()
	Until(s.t, "the target to have done its part", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.open) == 0
	})
}

func (s *Server) stop() {
	s.Close()
	s.mu.Lock()
	close(s.stopped)
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
}

// AcceptOne accepts a connection on a socket on which nobody serves. It is closed with the
// test.
func AcceptOne(t testing.TB, l *Listener) *Conn {
	t.Helper()
	if limited, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		limited.SetDeadline(time.Now().Add(Patience))
	}
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return newConn(t, raw)
}

// Echo sends everything back, and ends when its peer does. That its peer leaves
// early is no failure here: the other end's checks tell.
func Echo(c *Conn) { io.Copy(c.Conn, c.Conn) }

// Hand returns a script that hands each connection to the test, which then plays
// the target itself, and the channel they come by. The connection stays open
// until the server ends.
func Hand() (script func(*Conn), accepted chan *Conn) {
	accepted = make(chan *Conn, 4096)
	return func(c *Conn) {
		accepted <- c
		<-c.released
	}, accepted
}
