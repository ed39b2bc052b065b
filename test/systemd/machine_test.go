package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// executable is where a machine has the proxy.
const executable = "/usr/local/bin/uring-socket-proxyd"

// Machine is a Debian that systemd has booted. What a test writes to it is gone
// with it: the tree lies below a layer in memory.
type Machine struct {
	Setup   *Setup
	t       *testing.T
	pid1    int      // its process 1, as this machine counts
	files   *os.Root // its root folder
	journal journal
}

var machines atomic.Int64

// Boot boots a tree, and returns when systemd says that all has started.
func Boot(t *testing.T, tree string) *Machine {
	t.Helper()
	m := &Machine{t: t}
	name := cgroupName(machines.Add(1))
	groups := newCgroup(t, name)
	notify := harness.NewNotify(t)
	program := harness.Epoll.Plain().Executable(t)
	args := enterScript(groups, "systemd-nspawn", "--boot", "--quiet", "--directory="+tree, "--machine="+name,
		"--volatile=overlay", "--private-network", "--bind-ro="+program+":"+executable,
		"--register=no", "--keep-unit", "--notify-ready=yes", "--console=pipe")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", notify.Environment()}
	// Should the tests be killed, the machine ends too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // its init is killed, so its status says nothing
	}()
	t.Cleanup(func() {
		m.end(cmd, exited, &console)
		// systemd-nspawn leaves this behind where /run is no file system in memory.
		_ = os.Remove("/run/systemd/nspawn/propagate/" + name)
	})
	m.awaitReady(notify, exited)
	root, err := os.OpenRoot(fmt.Sprintf("/proc/%d/root", m.pid1))
	if err != nil {
		t.Fatal(err)
	}
	m.files = root
	t.Cleanup(func() { root.Close() })
	m.followJournal()
	if state := m.Run("systemctl", "is-system-running", "--wait"); state != "running" {
		t.Fatalf("the machine is %s:\n%s", state, m.Run("systemctl", "--failed"))
	}
	return m
}

// awaitReady waits for what systemd-nspawn says: who process 1 is, and later that
// it has started everything.
func (m *Machine) awaitReady(notify *harness.Notify, exited <-chan struct{}) {
	m.t.Helper()
	ready := false
	harness.Until(m.t, "the machine to boot", func() bool {
		select {
		case <-exited:
			m.t.Fatal("systemd-nspawn has ended")
		default:
		}
		for _, message := range notify.Pending() {
			if pid, ok := strings.CutPrefix(message, "X_NSPAWN_LEADER_PID="); ok {
				m.pid1, _ = strconv.Atoi(pid)
			}
			ready = ready || message == "READY=1"
		}
		return ready
	})
	if m.pid1 == 0 {
		m.t.Fatal("systemd-nspawn does not tell process 1 of the machine")
	}
}

// end kills the machine's process 1, and with it all others.
func (m *Machine) end(nspawn *exec.Cmd, exited <-chan struct{}, console *bytes.Buffer) {
	if m.pid1 != 0 && m.t.Failed() {
		_, _ = m.Try("journalctl", "--sync")
		log, _ := m.Try("journalctl", "--no-pager", "--output=short-precise", "--boot")
		m.t.Logf("the journal of the machine, since it had started:\n%s", afterStart(log))
	}
	if m.pid1 != 0 {
		_ = syscall.Kill(m.pid1, syscall.SIGKILL)
	} else {
		_ = nspawn.Process.Signal(syscall.SIGTERM) // it ends what it has started, too
	}
	select {
	case <-exited:
	case <-time.After(harness.Patience):
		m.t.Errorf("systemd-nspawn (%d) does not end", nspawn.Process.Pid)
		return
	}
	if m.journal.ended != nil {
		<-m.journal.ended
	}
	if m.t.Failed() && console.Len() > 0 {
		m.t.Logf("systemd-nspawn wrote:\n%s", console)
	}
}

// afterStart is the part of a log that is not about booting.
func afterStart(log string) string {
	if i := strings.Index(log, "Startup finished in"); i >= 0 {
		return log[i:]
	}
	return log
}

// command is a command that runs inside.
func (m *Machine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.pid1), "--all", "--", name}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	return cmd
}

// Try runs a command inside to its end and returns what it printed.
func (m *Machine) Try(name string, args ...string) (string, error) {
	cmd := m.command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// nsenter is killed, not what it has started, which may keep the pipes open.
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(3*harness.Patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// Run is Try for a command that must succeed.
func (m *Machine) Run(name string, args ...string) string {
	m.t.Helper()
	out, err := m.Try(name, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// Write writes a file inside, in place of what has its name. An absolute symbolic
// link on the way there would lead out of the machine; os.Root refuses it.
func (m *Machine) Write(path, text string) {
	m.t.Helper()
	path = strings.TrimPrefix(path, "/")
	err := m.files.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		if err = m.files.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = m.files.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// Path is a file's name seen from outside.
func (m *Machine) Path(path string) string { return fmt.Sprintf("/proc/%d/root%s", m.pid1, path) }
