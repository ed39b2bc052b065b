package load

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bench/scenario"
)

// headerSize is how many bytes open a stream: the position in the pattern of the
// first byte of payload.
const headerSize = 8

// server is the target: it sends back what it gets, or checks and discards it.
type server struct {
	*process
	listener int
}

// serve runs a server until it is told to quit.
func serve(config Config) error {
	p, err := newProcess(config)
	if err != nil {
		return err
	}
	s := &server{process: p}
	if s.listener, s.counts.Address, err = listen(config.Address); err != nil {
		return err
	}
	if err := s.add(s.listener, unix.EPOLLIN, nil); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	s.answer(s.now())
	for !s.quit {
		if err := s.wait(s.ready); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) ready(fd int, c *conn, events uint32) {
	switch {
	case fd == s.listener:
		s.accept()
	case fd == control:
		if name := s.command(); name != commandDrain && name != "" {
			s.answer(s.now())
		}
	case fd == s.ticker:
		s.clearTimer(fd)
	case c == nil:
	case s.Kind == scenario.Stream || s.Kind == scenario.Duplex:
		s.end(c, s.swallow(c, events))
	default:
		s.end(c, s.echo(c))
	}
	s.drained()
}

// accept accepts all waiting connections.
func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && !isPath(s.Address) {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		if err == nil {
			err = s.add(fd, unix.EPOLLIN, new(conn))
		}
		if err != nil {
			s.fail(fmt.Errorf("target: accept: %w", err))
			return
		}
	}
}

// end closes c if err is not nil. A client notices missing replies itself, so only a
// stream that breaks is an error here.
func (s *server) end(c *conn, err error) {
	if err == nil {
		return
	}
	if len(c.header) == headerSize && !s.halted {
		s.fail(fmt.Errorf("target: %w", err))
	}
	s.drop(c)
}

// echo sends back what is there.
func (s *server) echo(c *conn) error {
	if len(c.unsent) > 0 {
		return s.flush(c)
	}
	n, err := unix.Read(c.fd, s.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEnd
	}
	taken, err := write(c, s.buffer[:n])
	if err != nil || taken == n {
		return err
	}
	c.unsent = append([]byte(nil), s.buffer[taken:n]...)
	return s.want(c, unix.EPOLLOUT)
}

// swallow checks and discards what is there; in a duplex scenario it also sends.
func (s *server) swallow(c *conn, events uint32) error {
	if len(c.header) < headerSize {
		return s.open(c)
	}
	if events&unix.EPOLLOUT != 0 {
		if err := s.stream(c); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT != 0 {
		_, err := s.receive(c, bufferSize)
		return err
	}
	return nil
}

// open reads the header of c's stream.
func (s *server) open(c *conn) error {
	n, err := unix.Read(c.fd, s.buffer[:headerSize-len(c.header)])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEnd
	}
	c.header = append(c.header, s.buffer[:n]...)
	if len(c.header) < headerSize {
		return nil
	}
	c.first = binary.LittleEndian.Uint64(c.header)
	if s.Kind == scenario.Duplex {
		return s.want(c, unix.EPOLLIN|unix.EPOLLOUT)
	}
	return nil
}

// drained answers a drain when everything that was sent has arrived, or will not come.
func (s *server) drained() {
	missing := s.counts.Received < s.expected && len(s.counts.Errors) == 0
	if !s.draining || missing && s.now() < s.deadline {
		return
	}
	if s.counts.Received != s.expected {
		s.fail(fmt.Errorf("the target received %d bytes of the %d sent", s.counts.Received, s.expected))
	}
	s.draining = false
	s.answer(s.now())
}
