package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is a running program.
type Process struct {
	Program *Program

	t          testing.TB
	cmd        *exec.Cmd
	stdout     bytes.Buffer
	log        lineLog
	afterStart *os.File // our copy of the program's stderr
	mayFail    bool
	exited     chan struct{}
}

func (p *Process) started() {
	if p.afterStart != nil {
		p.afterStart.Close()
	}
	go func() {
		defer close(p.exited)
		// The status is in cmd.ProcessState; what else can go wrong is copying
		// stdout, which a test that reads it notices.
		_ = p.cmd.Wait()
	}()
}

// PID is the program's process id; the shell that started it became it.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v: %v", s, err)
	}
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// AwaitExit waits for the end and returns how it came, as "exit status 0" or
// "signal: terminated".
func (p *Process) AwaitExit() string {
	p.t.Helper()
	p.mayFail = true // the test looks at it now
	select {
	case <-p.exited:
	case <-time.After(Patience):
		p.t.Fatalf("%s still runs after %v; it wrote:\n%s", p.Program.Name, Patience, p.Stderr())
	}
	return p.status()
}

func (p *Process) status() string {
	if state := p.cmd.ProcessState; state != nil && state.Success() {
		return "exit status 0"
	} else if state != nil {
		return state.String()
	}
	return "not started"
}

// Stdout is what the program wrote there, once it has ended.
func (p *Process) Stdout() string {
	<-p.exited
	return p.stdout.String()
}

// Stderr is what the program has written there so far.
func (p *Process) Stderr() string { return strings.Join(p.Lines(), "\n") }

// Lines are the lines on stderr so far; all of them once the program has ended.
func (p *Process) Lines() []string {
	for {
		lines, more, ended := p.log.snapshot()
		if ended || p.Running() || more == nil {
			return lines
		}
		<-more // the pipe may still hold the last ones
	}
}

// AwaitLine waits for a line on stderr that matches, and returns it.
func (p *Process) AwaitLine(pattern string) string {
	p.t.Helper()
	matcher := regexp.MustCompile(pattern)
	timeout := time.After(Patience)
	for {
		lines, more, ended := p.log.snapshot()
		for _, line := range lines {
			if matcher.MatchString(line) {
				return line
			}
		}
		if ended {
			p.t.Fatalf("no line matches %q in:\n%s", pattern, strings.Join(lines, "\n"))
		}
		select {
		case <-more:
		case <-timeout:
			p.t.Fatalf("within %v no line matches %q in:\n%s", Patience, pattern, strings.Join(lines, "\n"))
		}
	}
}

// end ends the process with the test, and fails the test for a bad ending or for
// what must never be in the log.
func (p *Process) end() {
	if p.Running() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT) // in case a test stopped it
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(Patience):
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // shows where a Go program hangs
			select {
			case <-p.exited:
			case <-time.After(time.Second):
				_ = p.cmd.Process.Kill()
				<-p.exited
			}
			p.t.Errorf("%s did not end on SIGTERM; it wrote:\n%s", p.Program.Name, p.Stderr())
			return
		}
	}
	if status := p.status(); !p.mayFail && status != "exit status 0" && (p.Program.Graceful || status != "signal: terminated") {
		p.t.Errorf("%s ended with %s", p.Program.Name, status)
	}
	for _, line := range p.Lines() {
		if alarming.MatchString(line) {
			p.t.Errorf("%s wrote %q", p.Program.Name, line)
		}
	}
	if p.t.Failed() {
		p.t.Logf("%s %s wrote:\n%s", p.Program.Name, strings.Join(p.cmd.Args[4:], " "), p.Stderr())
	}
}

// Descriptors counts the program's open file descriptors.
func (p *Process) Descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// OpenFiles are a program's open descriptors, by sort.
type OpenFiles struct {
	Sockets []string // by their inodes
	Pipes   int      // ends of them
	Others  int
}

// OpenFiles returns the descriptors that the program has open. Those that it closes meanwhile
// may be left out.
func (p *Process) OpenFiles() (open OpenFiles) {
	p.t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd/", p.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		p.t.Errorf("the program is gone: %v", err)
	}
	for _, entry := range entries {
		link, err := os.Readlink(directory + entry.Name())
		inode, isSocket := strings.CutPrefix(link, "socket:[")
		switch {
		case err != nil: // closed meanwhile
		case isSocket:
			open.Sockets = append(open.Sockets, strings.TrimSuffix(inode, "]"))
		case strings.HasPrefix(link, "pipe:"):
			open.Pipes++
		default:
			open.Others++
		}
	}
	return open
}

// Sockets counts the program's open sockets. Unlike all of its descriptors, they are those of
// connections alone but for the listeners, and Go's runtime opens none.
func (p *Process) Sockets() int { return len(p.OpenFiles().Sockets) }

// ResidentBytes is the program's resident memory.
func (p *Process) ResidentBytes() int64 {
	p.t.Helper()
	kib, err := strconv.ParseInt(strings.TrimSuffix(p.statusField("VmRSS"), " kB"), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return kib << 10
}

// Pause sends SIGSTOP and waits until the program has stopped; SIGCONT lets it go on. Ours
// first tries whether it may have threads, and where the signal stops one of those, the
// thread that waits for it (CLONE_VFORK) never counts as stopped. Go's runtime, which
// catches SIGURG, begins after that.
func (p *Process) Pause() {
	p.t.Helper()
	if p.Program.IsOurs() {
		Until(p.t, "the program to begin", func() bool { return p.Catches(syscall.SIGURG) })
	}
	p.Signal(syscall.SIGSTOP)
	Until(p.t, "the program to stop", p.Stopped)
}

// Stopped reports whether a SIGSTOP has stopped the program: all of its threads. Under
// strace they are in the tracing stop (t of proc_pid_stat(5)) then, but so is each thread
// for a moment at each of its system calls, without the others or with the signal pending.
func (p *Process) Stopped() bool {
	p.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has just ended
		}
		_, fields, _ := strings.Cut(string(text), ") ") // behind the name
		if fields == "" || !strings.ContainsRune("Tt", rune(fields[0])) {
			return false
		}
	}
	return !p.inSet("SigPnd", syscall.SIGSTOP) && !p.inSet("ShdPnd", syscall.SIGSTOP)
}

// Catches reports whether the program has a handler for a signal.
func (p *Process) Catches(signal syscall.Signal) bool {
	p.t.Helper()
	return p.inSet("SigCgt", signal)
}

// inSet reports whether a signal is in a set of /proc/PID/status.
func (p *Process) inSet(set string, signal syscall.Signal) bool {
	p.t.Helper()
	signals, err := strconv.ParseUint(p.statusField(set), 16, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return signals>>(signal-1)&1 == 1
}

// CPUTicks is the processor time that all its threads have used, in hundredths of
// a second (utime and stime of proc_pid_stat(5)).
func (p *Process) CPUTicks() int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third on
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			p.t.Fatalf("processor time of %d: %v", p.PID(), err)
		}
		ticks += n
	}
	return ticks
}

func (p *Process) statusField(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	p.t.Fatalf("/proc/%d/status has no %s", p.PID(), name)
	return ""
}
