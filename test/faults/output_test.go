package faults

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Those that the program tells something, and who do not listen.
var outputCases = []Case{
	{
		Name:  "output/log-stuck",
		Shows: "a log that nobody reads stops no transfer, no client and not the end; what is read again is whole lines",
		Run:   logStuck,
	},
	{
		Name:  "output/log-stuck-at-the-end",
		Shows: "SIGTERM ends the program although its log is stuck",
		Run:   logStuckAtEnd,
	},
	{
		Name:  "output/log-full",
		Shows: "a log on a full disk stops nothing",
		Run:   logFull,
	},
	{
		Name:  "output/notify-stuck",
		Shows: "a service manager that reads no watchdog messages stops no transfer and no client",
		Run:   notifyStuck,
	},
	{
		Name:  "output/notify-stuck-at-the-start",
		Shows: "a service manager that does not read that the program is ready holds up no client and not the end, and learns it later",
		Run:   notifyStuckAtStart,
	},
	{
		Name:  "output/notify-stuck-at-the-end",
		Shows: "SIGTERM ends the program although the service manager reads nothing",
		Run:   notifyStuckAtEnd,
	},
	{
		Name:  "output/notify-gone",
		Shows: "a service manager whose socket has vanished stops nothing",
		Run:   notifyGone,
	},
}

// stuckPipe returns both ends of a pipe that is full, so that the next write waits.
func stuckPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errors.Join(reader.Close(), writer.Close()) })
	// Opened anew, so that it is not the program's end which does not wait.
	filler, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", writer.Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(filler)
	page := make([]byte, 4096)
	for i := range page {
		page[i] = '\n'
	}
	for size := len(page); size > 0; {
		if _, err := unix.Write(filler, page[:size]); err == unix.EAGAIN {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return reader, writer
}

// speakUp makes the program write lines: it refuses clients.
func (s *stage) speakUp(lines int) {
	s.t.Helper()
	for range lines {
		injected(1)
		s.dial().ExpectGone()
	}
}

// logStuckStage has a program whose log is stuck and which has something to say.
func logStuckStage(t *testing.T, p *harness.Program) (*stage, *os.File) {
	t.Helper()
	reader, writer := stuckPipe(t)
	s := set(t, p, setting{options: harness.Options{
		Args:   []string{fmt.Sprintf("-c%d", len(bystanderKinds))},
		Stderr: writer,
	}})
	writer.Close()
	s.speakUp(50)
	s.progress("while the log is stuck")
	return s, reader
}

func logStuck(t *testing.T, p *harness.Program) {
	s, reader := logStuckStage(t, p)
	reader.SetReadDeadline(time.Now().Add(harness.Patience))
	for lines := bufio.NewScanner(reader); ; {
		if !lines.Scan() {
			t.Fatalf("the log ends before it says what has happened: %v", lines.Err())
		}
		if strings.HasPrefix(lines.Text(), "connection limit reached, refusing a connection: limit=") {
			break
		} else if lines.Text() != "" {
			t.Errorf("the log says %q", lines.Text())
		}
	}
	s.end()
}

func logStuckAtEnd(t *testing.T, p *harness.Program) {
	s, _ := logStuckStage(t, p)
	s.terminate()
}

func logFull(t *testing.T, p *harness.Program) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	s := set(t, p, setting{options: harness.Options{
		Args:   []string{fmt.Sprintf("-c%d", len(bystanderKinds))},
		Stderr: full,
	}})
	s.speakUp(20)
	s.progress("while the log is full")
	s.end()
}

// deafManager is a service manager that reads nothing of what it is told.
func deafManager(t *testing.T) (path string, conn *net.UnixConn) {
	t.Helper()
	path = filepath.Join(harness.ShortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, conn
}

// watched makes the program send a message every 5 ms.
func watched(path string) harness.Options {
	return harness.Options{Env: []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=10000"}, PIDs: []string{"WATCHDOG_PID"}}
}

func notifyStuckAtStart(t *testing.T, p *harness.Program) {
	path, conn := deafManager(t)
	filler, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(filler)
	fill := func() {
		var err error
		for err == nil {
			err = unix.Sendto(filler, []byte("X=1"), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: path})
		}
		if err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
	fill()
	for _, readsLater := range []bool{true, false} {
		s := set(t, p, setting{options: harness.Options{Env: []string{"NOTIFY_SOCKET=" + path}}})
		injected(1)
		s.progress("before the service manager has read")
		s.AwaitLine("the service manager has not read that start-up is complete")
		if !readsLater {
			s.terminate()
			continue
		}
		conn.SetReadDeadline(time.Now().Add(harness.Patience))
		for message := make([]byte, 100); ; {
			n, err := conn.Read(message)
			if err != nil {
				t.Fatalf("READY=1 never came: %v", err)
			}
			if string(message[:n]) == "READY=1" {
				break
			}
		}
		s.end()
		fill()
	}
}

// notifyStuckStage has a program whose service manager has let its socket fill up.
func notifyStuckStage(t *testing.T, p *harness.Program) (*stage, *net.UnixConn) {
	t.Helper()
	path, conn := deafManager(t)
	s := set(t, p, setting{options: watched(path)})
	awaitFull(t, path)
	injected(1)
	s.progress("while the service manager does not read")
	for range 10 {
		c := s.dial()
		c.Send([]byte{kindEcho, '?'})
		c.ExpectText("?")
	}
	return s, conn
}

func notifyStuck(t *testing.T, p *harness.Program) {
	s, conn := notifyStuckStage(t, p)
	go func() {
		for buffer := make([]byte, 4096); ; {
			if _, err := conn.Read(buffer); err != nil {
				return // the test has ended
			}
		}
	}()
	s.end()
}

func notifyStuckAtEnd(t *testing.T, p *harness.Program) {
	s, _ := notifyStuckStage(t, p)
	s.terminate()
}

// awaitFull waits until a datagram socket takes no more.
func awaitFull(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, "the service manager's socket to be full", func() bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(ready, 0)
		return n == 0 && err == nil
	})
}

func notifyGone(t *testing.T, p *harness.Program) {
	path, conn := deafManager(t)
	s := set(t, p, setting{options: watched(path)})
	conn.Close() // which removes the file too
	injected(1)
	s.AwaitLine("cannot send the watchdog keep-alive")
	s.progress("without a service manager")
	s.end()
	t.Logf("%d lines in the log", len(s.Lines()))
}
