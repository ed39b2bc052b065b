package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// proxy is a running uring-socket-proxyd, or the systemd-socket-activate that
// becomes one, in the same process, at the first connection.
type proxy struct {
	cmd     *exec.Cmd
	address string // where clients connect to
	how     string // how the socket gets to the program

	mu    sync.Mutex
	lines []string      // of its standard error
	more  chan struct{} // holds a token when lines have been added
	ended chan struct{} // closed after the last line
}

const activator = "systemd-socket-activate"

// start runs program with a socket, by socket activation if that is possible.
// Its end is proxy.stop.
func start(ctx context.Context, program, target string, listen bool) (*proxy, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	if tool, err := exec.LookPath(activator); err == nil && !listen {
		return activate(ctx, tool, program, target)
	}
	return startListening(ctx, program, target)
}

// activate starts program as systemd does for a socket unit: another process
// opens the socket, waits for the first connection, and passes the socket on.
func activate(ctx context.Context, tool, program, target string) (*proxy, error) {
	var failure error
	// The tool cannot say which port the kernel picked, so it is given one that
	// was free a moment ago; if it no longer is, another one is tried.
	for range 5 {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		// It passes the variables of -E on, and few others.
		p, err := launch(nil, tool, "-E", "SYSTEMD_LOG_LEVEL=debug", "-l", address, program, target)
		if err != nil {
			return nil, err
		}
		p.address = address
		p.how = "gets its socket (" + address + ") from " + activator + " at the first connection, as from a socket unit"
		if _, failure = p.await(ctx, listening); failure == nil {
			return p, nil
		}
		_ = p.stop()
	}
	return nil, fmt.Errorf("%s: %w", activator, failure)
}

// startListening starts program with --listen= and waits until it is ready.
func startListening(ctx context.Context, program, target string) (*proxy, error) {
	folder, err := os.MkdirTemp("", "uring-socket-proxyd-demo-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "notify"), Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer notify.Close()
	p, err := launch([]string{"SYSTEMD_LOG_LEVEL=debug", "NOTIFY_SOCKET=" + notify.LocalAddr().String()},
		program, "--listen=127.0.0.1:0", target)
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx, notify); err != nil {
		_ = p.stop()
		return nil, err
	}
	found, err := p.await(ctx, forwarding)
	if err != nil {
		_ = p.stop()
		return nil, err
	}
	p.address = found[1]
	p.how = "opened its socket (" + p.address + ") itself and said READY=1"
	return p, nil
}

// awaitReady waits for READY=1 by the protocol of sd_notify(3).
func (p *proxy) awaitReady(ctx context.Context, notify *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { _ = notify.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	go func() {
		<-p.ended // no message will come then; if READY=1 came before, nothing changes
		_ = notify.SetReadDeadline(time.Unix(1, 0))
	}()
	message := make([]byte, 4096)
	for {
		n, err := notify.Read(message)
		if err != nil {
			return fmt.Errorf("the proxy did not become ready%s", p.said())
		}
		if strings.Contains("\n"+string(message[:n])+"\n", "\nREADY=1\n") {
			return nil
		}
	}
}

// launch starts a program in the environment of this one, without variables that would
// mislead it, and collects what it writes to standard error.
func launch(variables []string, program string, args ...string) (*proxy, error) {
	p := &proxy{cmd: exec.Command(program, args...), more: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd.Env = []string{"SYSTEMD_LOG_LEVEL=info", "SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_COLOR=0"}
	for _, variable := range os.Environ() {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM":
		default:
			if !strings.HasPrefix(name, "SYSTEMD_LOG_") {
				p.cmd.Env = append(p.cmd.Env, variable)
			}
		}
	}
	p.cmd.Env = append(p.cmd.Env, variables...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	// If this program is killed, the other one ends as well.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started := make(chan error, 1)
	go func() {
		// To the kernel, the end of this thread is the end of this program.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.collect(stderr)
		}
	}()
	return p, <-started
}

// collect keeps the lines of the program's standard error until it ends.
func (p *proxy) collect(stderr io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

// Patterns of the lines that are awaited from the tool and from the proxy.
var (
	listening  = regexp.MustCompile(`^Listening on .* as `)
	forwarding = regexp.MustCompile(`^forwarding: listener=(\S+) .*\bengine=(\S+)`)
)

// await returns the submatches of the first line that matches, as soon as it has come.
func (p *proxy) await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for last := false; ; {
		p.mu.Lock()
		for _, line := range p.lines {
			if found := pattern.FindStringSubmatch(line); found != nil {
				p.mu.Unlock()
				return found, nil
			}
		}
		p.mu.Unlock()
		if last {
			return nil, fmt.Errorf("it ended early%s", p.said())
		}
		select {
		case <-p.more:
		case <-p.ended:
			last = true
		case <-ctx.Done():
			return nil, fmt.Errorf("no line like %q came%s", pattern, p.said())
		}
	}
}

// engine returns the name of the engine that the proxy says it uses.
func (p *proxy) engine(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // the line has already been written
	defer cancel()
	found, err := p.await(ctx, forwarding)
	if err != nil {
		return "", fmt.Errorf("the proxy does not name its engine: %w", err)
	}
	return found[2], nil
}

// said returns what the proxy has written, for the end of an error message.
func (p *proxy) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) == 0 {
		return "; it wrote nothing"
	}
	return "; it wrote:\n  " + strings.Join(p.lines, "\n  ")
}

func (p *proxy) pid() int { return p.cmd.Process.Pid }

func (p *proxy) commandLine() string {
	return strings.Join(append([]string{p.cmd.Path}, p.cmd.Args[1:]...), " ")
}

// stop ends the process as systemd does and waits for it. The proxy must end
// with status 0.
func (p *proxy) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	<-p.ended
	err := p.cmd.Wait()
	if !kill.Stop() {
		return fmt.Errorf("the proxy did not end within 10 seconds of SIGTERM%s", p.said())
	}
	if err != nil {
		return fmt.Errorf("the proxy, at SIGTERM: %w%s", err, p.said())
	}
	return nil
}

// freeAddress returns a loopback address on which nobody is listening at the moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
