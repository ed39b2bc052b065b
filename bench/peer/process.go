package peer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a peer may take to start listening, or to end.
const patience = 5 * time.Second

// Process is a running peer: the leader of a session that all its processes are in.
// Its owner calls Stop.
type Process struct {
	Address string   // where clients connect to
	Command []string // its full command line, with the environment variables it was given
	Config  string   // text of its configuration file

	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// Start starts p in front of target, with its files in directory, which must be
// empty, and returns when it listens. It does not wait for a peer that inherits its
// socket: there, connections wait.
func (p *Peer) Start(target, directory string) (*Process, error) {
	path := ""
	if strings.HasPrefix(target, "/") {
		path = filepath.Join(directory, "listen")
	}
	if p.activated {
		file, address, err := Listen(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		process, err := p.Activate(file, target, directory)
		if err == nil {
			process.Address = address
		}
		return process, err
	}
	address, err := path, error(nil)
	if address == "" {
		if address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	process, err := p.run(Setting{Listen: address, Target: target, Directory: directory}, nil)
	if err != nil {
		return nil, err
	}
	process.Address = address
	if err := process.awaitListening(); err != nil {
		process.Stop()
		return nil, fmt.Errorf("%w; it wrote: %s", err, process.Log())
	}
	return process, nil
}

// Activate starts p with a listening socket that still belongs to the caller.
func (p *Peer) Activate(listener *os.File, target, directory string) (*Process, error) {
	return p.run(Setting{Inherited: true, Target: target, Directory: directory}, listener)
}

// run starts the program.
func (p *Peer) run(s Setting, listener *os.File) (*Process, error) {
	if err := s.complete(p); err != nil {
		return nil, err
	}
	arguments, err := p.arguments(&s)
	if err != nil {
		return nil, err
	}
	process := &Process{name: p.Name, log: filepath.Join(s.Directory, "log"), exited: make(chan struct{})}
	process.Command = append(append(append(process.Command, p.environ...), p.Program), arguments...)
	if process.Config, err = p.configuration(&s); err != nil {
		return nil, err
	}
	if process.Config != "" {
		if err := os.WriteFile(s.Config, []byte(process.Config), 0o600); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(process.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	process.cmd = exec.Command(p.Program, arguments...)
	process.cmd.Env = append(os.Environ(), p.environ...)
	if listener != nil {
		// Only the child knows its process id, which the protocol asks for.
		process.cmd = exec.Command("/bin/sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$@"`, "sh", p.Program}, arguments...)...)
		process.cmd.Env = append(os.Environ(), append(p.environ, "LISTEN_FDS=1")...)
		process.cmd.ExtraFiles = []*os.File{listener}
		process.Command = append([]string{"LISTEN_FDS=1"}, process.Command...)
	}
	process.cmd.Stdout, process.cmd.Stderr = log, log
	process.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := process.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	go func() {
		_ = process.cmd.Wait() // Running reports it, and the log says why
		close(process.exited)
	}()
	return process, nil
}

// Session returns the id of the session that all of the peer's processes are in.
func (p *Process) Session() int { return p.cmd.Process.Pid }

// Check returns an error if the peer has ended by itself.
func (p *Process) Check() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended by itself (%v)", p.name, p.cmd.ProcessState)
	default:
		return nil
	}
}

// Log returns the end of what the peer wrote to its standard output and error.
func (p *Process) Log() string {
	const most = 500 // bytes
	text, _ := os.ReadFile(p.log)
	return string(bytes.TrimSpace(text[max(0, len(text)-most):]))
}

// awaitListening returns when the peer accepts connections. It makes one to find out, and
// closes it at once.
func (p *Process) awaitListening() error {
	for deadline := time.Now().Add(patience); !answers(p.Address); time.Sleep(2 * time.Millisecond) {
		if err := p.Check(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not listening on %s after %v", p.name, p.Address, patience)
		}
	}
	return nil
}

// Stop kills the peer with all its processes and waits until they are gone.
func (p *Process) Stop() {
	group := p.cmd.Process.Pid // Setsid made it the leader of a group too
	_ = unix.Kill(-group, unix.SIGKILL)
	<-p.exited
	// Children of the peer become children of this process if Adopt was called, otherwise
	// of init.
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		pid, err := unix.Wait4(-group, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return
		case pid <= 0:
			time.Sleep(time.Millisecond)
		}
	}
}

// Adopt makes this process the parent of processes that peers leave behind, so that Stop
// can wait for them.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_CHILD_SUBREAPER: %w", err)
	}
	return nil
}
