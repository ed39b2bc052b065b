package systemd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// small is what a request gets.
const small = "small file\n"

// request is what a client sends: nginx answers and closes.
const request = "GET /small HTTP/1.0\r\nHost: localhost\r\n\r\n"

// exchange is a request that has been made.
type exchange struct {
	net.Conn
	sent error
}

// Ask connects and sends a request.
func (m *Machine) Ask() (*exchange, error) {
	conn, err := m.Dial()
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(harness.Patience))
	_, err = io.WriteString(conn, request)
	return &exchange{conn, err}, nil
}

// answer reads what the request gets, which must be the small file. If sending has
// met a reset, reading does not tell of it again, but of an end.
func (x *exchange) answer() error {
	defer x.Close()
	text, err := io.ReadAll(x)
	switch {
	case x.sent != nil:
		return x.sent
	case err == nil && !isAnswer(string(text)):
		return fmt.Errorf("the answer is %q", text)
	}
	return err
}

func isAnswer(text string) bool {
	const ok, end = "HTTP/1.1 200 OK\r\n", "\r\n\r\n" + small
	return len(text) > len(ok)+len(end) && text[:len(ok)] == ok && text[len(text)-len(end):] == end
}

// Fetch is one request that must succeed.
func (m *Machine) Fetch() {
	m.t.Helper()
	conn, err := m.Ask()
	if err == nil {
		err = conn.answer()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// Load is clients that make one request after the other, each on a connection of
// its own.
type Load struct {
	Connected atomic.Int64 // connections that were made
	Served    atomic.Int64 // requests that were answered
	Reset     atomic.Int64 // connections that were reset before the answer
	Failed    atomic.Int64 // anything else

	m       *Machine
	stop    chan struct{}
	clients sync.WaitGroup
	mu      sync.Mutex
	errors  failures
}

// StartLoad starts clients.
func (m *Machine) StartLoad(clients int) *Load {
	l := &Load{m: m, stop: make(chan struct{}), errors: make(failures)}
	for range clients {
		l.clients.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
					l.once()
				}
			}
		})
	}
	m.t.Cleanup(l.Stop)
	return l
}

func (l *Load) once() {
	conn, err := l.m.Ask()
	if err == nil {
		err = conn.answer()
	}
	switch {
	case err == nil:
		l.Connected.Add(1)
		l.Served.Add(1)
		return
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE): // in any of connect, write, and read
		l.Connected.Add(1)
		l.Reset.Add(1)
	default:
		l.Failed.Add(1)
	}
	l.note(err)
}

func (l *Load) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors.note(err)
}

// failures are how often what has failed.
type failures map[string]int

func (f failures) note(err error) {
	if e, ok := err.(*net.OpError); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err) // without the ports
	}
	if err != nil {
		f[err.Error()]++
	}
}

// AwaitServed waits until n more requests have been answered.
func (l *Load) AwaitServed(n int64) {
	l.m.t.Helper()
	goal := l.Served.Load() + n
	harness.Until(l.m.t, fmt.Sprintf("%d more requests to be served", n), func() bool { return l.Served.Load() >= goal })
}

// Stop lets each client finish its request.
func (l *Load) Stop() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.clients.Wait()
}

func (l *Load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d connections, %d served, %d reset, %d failed; errors: %v",
		l.Connected.Load(), l.Served.Load(), l.Reset.Load(), l.Failed.Load(), l.errors)
}
