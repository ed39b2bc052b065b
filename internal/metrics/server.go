package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/socket"
)

// Limits on what metrics clients can use. Each answer ends its connection, so that no
// client holds one for longer than the sum of these times.
const (
	maxConnections = 16 // any more wait in the socket's backlog
	maxHead        = 8 << 10
	readTime       = 5 * time.Second
	writeTime      = 10 * time.Second
	lingerTime     = time.Second
)

// Server answers GET /metrics.
type Server struct {
	source    *Source
	listener  *activation.Listener
	accepting net.Listener // on a copy of the listener's socket
	log       *slog.Logger
	places    chan struct{} // holds an entry for each connection
}

// Serve starts to answer on a listener, which belongs to the server from then on.
func Serve(listener *activation.Listener, source *Source, log *slog.Logger) (*Server, error) {
	accepting, err := runtimeListener(listener)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	s := &Server{source: source, listener: listener, accepting: accepting, log: log, places: make(chan struct{}, maxConnections)}
	go s.serve()
	return s, nil
}

// runtimeListener gives a copy of a listener's socket to the Go runtime, which waits for
// clients.
func runtimeListener(listener *activation.Listener) (net.Listener, error) {
	fd, err := unix.FcntlInt(uintptr(listener.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "metrics")
	defer file.Close() // FileListener makes a copy of its own
	accepting, err := net.FileListener(file)
	if u, ok := accepting.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the file belongs to the activation.Listener
	}
	return accepting, err
}

// Close stops accepting and removes the socket's file.
func (s *Server) Close() {
	_ = s.accepting.Close()
	if err := s.listener.Close(); err != nil {
		s.log.Warn("cannot close the metrics socket", "error", err)
	}
}

// serve accepts until Close. After an error it pauses and goes on.
func (s *Server) serve() {
	var pause time.Duration
	for {
		s.places <- struct{}{}
		c, err := s.accepting.Accept()
		var errno syscall.Errno
		switch {
		case err == nil:
			pause = 0
			go s.answer(c)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		case errors.As(err, &errno):
			if pause == 0 {
				s.log.Warn("cannot accept a metrics client", "error", err)
			}
			pause = socket.AcceptPause(errno, pause)
		default:
			pause = time.Second
		}
		<-s.places
		time.Sleep(pause)
	}
}

// answer serves one connection: it reads a request, answers it, and closes.
func (s *Server) answer(c net.Conn) {
	defer func() { <-s.places }()
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(readTime))
	head, complete, err := readHead(c)
	if err != nil {
		return
	}
	var answer []byte
	switch {
	case complete:
		answer = s.reply(string(head))
	case len(head) == maxHead:
		answer = page(statusHeadTooLong, "", nil)
	default:
		answer = page(statusBadRequest, "", nil)
	}
	_ = c.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := c.Write(answer); err != nil {
		return
	}
	// Unread bytes would make the kernel reset the connection, and the client might
	// lose the answer.
	_ = c.(interface{ CloseWrite() error }).CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c, 64<<10)
}

// Content types of pages.
const (
	plain      = "text/plain; charset=utf-8"
	prometheus = "text/plain; version=0.0.4; charset=utf-8"
)

// reply returns the whole answer to a request.
func (s *Server) reply(head string) []byte {
	r, refusal := parseHead(head)
	var answer []byte
	switch {
	case refusal != "":
		return page(refusal, "", nil)
	case r.path != "/metrics" && r.path != "/":
		answer = page(statusNotFound, plain, []byte("Metrics are at /metrics.\n"))
	case r.method != "GET" && r.method != "HEAD":
		return page(statusNotAllowed, "", nil)
	case r.path == "/":
		answer = page(statusOK, plain, fmt.Appendf(nil, "uring-socket-proxyd %s\nMetrics are at /metrics.\n", s.source.Version))
	default:
		answer = s.metrics()
	}
	if r.method == "HEAD" {
		answer = answer[:bytes.Index(answer, []byte("\r\n\r\n"))+4]
	}
	return answer
}

// metrics makes the page /metrics. If that panics, the answer says so.
func (s *Server) metrics() (answer []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			s.log.Error("cannot serve the metrics", "error", fault)
			answer = page(statusFault, "", nil)
		}
	}()
	var t text
	s.source.write(&t)
	return page(statusOK, prometheus, t.Bytes())
}

// page returns an answer with all its headers. If body is nil, it is the text of the
// status.
func page(st status, kind string, body []byte) []byte {
	if body == nil {
		kind, body = plain, []byte(st+"\n")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", st,
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), kind, len(body))
	if st == statusNotAllowed {
		out.WriteString("Allow: GET, HEAD\r\n")
	}
	out.WriteString("Connection: close\r\n\r\n")
	out.Write(body)
	return out.Bytes()
}
