package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long bytes may take to arrive once sent, and how long connections
	// may take until they work.
	patience = 10 * time.Second
	// drainPatience is the same after the end of a measurement.
	drainPatience = 3 * time.Second
	// fewErrors is how many different errors are reported.
	fewErrors = 5
	// bufferSize is how many bytes are read at once.
	bufferSize = 128 << 10

	control = 0 // the descriptor that commands come from
)

// process is what client and server have in common.
type process struct {
	*loop
	Config
	pattern pattern
	buffer  []byte
	counts  Snapshot
	halted  bool
	quit    bool
	ticker  int // a timerfd to check whether something takes too long

	draining bool
	expected uint64 // received bytes to wait for
	deadline int64
}

func newProcess(config Config) (*process, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	p := &process{loop: l, Config: config, pattern: newPattern(config.Seed), buffer: make([]byte, bufferSize)}
	if p.ticker, err = newTimer(20*time.Millisecond, 20*time.Millisecond); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(control, true); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if err := errors.Join(p.add(control, unix.EPOLLIN, nil), p.add(p.ticker, unix.EPOLLIN, nil)); err != nil {
		return nil, fmt.Errorf("epoll_ctl: %w", err)
	}
	return p, nil
}

// newTimer returns a descriptor that is readable after first and then every interval.
func newTimer(first, interval time.Duration) (int, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("timerfd_create: %w", err)
	}
	return fd, setTimer(fd, first, interval)
}

func setTimer(fd int, first, interval time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(first)), Interval: unix.NsecToTimespec(int64(interval))}
	if err := unix.TimerfdSettime(fd, 0, &spec, nil); err != nil {
		return fmt.Errorf("timerfd_settime: %w", err)
	}
	return nil
}

// clearTimer makes a timer unreadable until it is due again.
func (p *process) clearTimer(fd int) { _, _ = unix.Read(fd, p.buffer[:8]) }

// fail records an error; the round does not count then.
func (p *process) fail(err error) {
	text := err.Error()
	for _, known := range p.counts.Errors {
		if known == text {
			return
		}
	}
	if len(p.counts.Errors) < fewErrors {
		p.counts.Errors = append(p.counts.Errors, text)
	}
}

// answer writes the counts for the benchmark. They are taken now: counts and time must
// agree, however long the process is kept waiting in between.
func (p *process) answer(now int64) {
	p.counts.Nanoseconds = now
	line, err := json.Marshal(&p.counts)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		p.quit = true // nobody reads the answer
	}
}

// command reads one command, does what is the same for client and server, and returns
// the command's name. The end of the input is the command to quit.
func (p *process) command() string {
	n, err := unix.Read(control, p.buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return ""
	}
	name, argument, _ := bytes.Cut(bytes.TrimSpace(p.buffer[:max(n, 0)]), []byte(" "))
	switch string(name) {
	case commandMark:
	case commandHalt:
		p.halted = true
	case commandDrain:
		p.expected, err = strconv.ParseUint(string(argument), 10, 64)
		if err != nil {
			p.fail(fmt.Errorf("drain: %w", err))
		}
		p.draining, p.deadline = true, p.now()+int64(drainPatience)
	default: // quit, or the benchmark is gone
		p.quit = true
		return commandQuit
	}
	return string(name)
}

// receive reads once from c and checks what came, which must not be more than
// most bytes. It returns how many bytes they were, 0 for none yet; an error ends
// the connection.
func (p *process) receive(c *conn, most int) (int, error) {
	n, err := unix.Read(c.fd, p.buffer)
	if err != nil {
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return 0, nil
		}
		return 0, fmt.Errorf("receive: %w", err)
	}
	if n == 0 {
		return 0, errEnd
	}
	if n > most {
		return 0, fmt.Errorf("received %d bytes more than were sent", n-most)
	}
	if err := p.pattern.check(c.first+c.received, p.buffer[:n]); err != nil {
		return 0, err
	}
	c.received += uint64(n)
	p.counts.Received += uint64(n)
	return n, nil
}

// errEnd is an unexpected end of a stream.
var errEnd = errors.New("the connection was closed by the other side")

// write sends data on c and returns how many bytes the kernel took.
func write(c *conn, data []byte) (int, error) {
	n, err := unix.Write(c.fd, data)
	if err != nil {
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return 0, nil
		}
		return 0, fmt.Errorf("send: %w", err)
	}
	return n, nil
}

// flush sends what c still has to send, and waits for room if it must.
func (p *process) flush(c *conn) error {
	n, err := write(c, c.unsent)
	if err != nil {
		return err
	}
	c.unsent = c.unsent[n:]
	if len(c.unsent) > 0 {
		return p.want(c, unix.EPOLLIN|unix.EPOLLOUT)
	}
	return p.want(c, unix.EPOLLIN)
}

// stream sends the next bytes of c's stream, as many as one write takes.
func (p *process) stream(c *conn) error {
	if p.halted {
		return p.want(c, unix.EPOLLIN)
	}
	n, err := write(c, p.pattern.at(c.first+c.sent, p.MessageSize))
	c.sent += uint64(n)
	p.counts.Sent += uint64(n)
	return err
}
