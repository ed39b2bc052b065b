package harness

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Options are what a program is started with.
type Options struct {
	// Args are the program's arguments.
	Args []string
	// Listeners are passed from descriptor 3 on, as by a service manager that
	// then forgets them: the program's copies are the only ones left.
	Listeners []*Listener
	// Files are passed after the listeners, for descriptors that are no
	// listeners. They stay the caller's.
	Files []*os.File
	// Env are variables on top of a small fixed environment. They win.
	Env []string
	// PIDs are variables that are set to the program's process id, LISTEN_PID
	// apart.
	PIDs []string
	// ListenPID replaces the value of LISTEN_PID, which else is right.
	ListenPID string
	// Journal makes stderr look like the journal's stream.
	Journal bool
	// PipeKills leaves SIGPIPE as a shell does; else it is ignored, as systemd
	// does (IgnoreSIGPIPE=).
	PipeKills bool
	// Session makes the program the leader of a session of its own, whose id is its
	// process id.
	Session bool
	// User is whose process the program is, if not the test's own. Only root can give
	// it away.
	User uint32
	// Stderr replaces the pipe that stderr is read from; Lines stay empty.
	Stderr *os.File
	// Group is the folder of a control group that the program is in from its start.
	Group string
	// MayFail tells that the test itself looks at the exit status.
	MayFail bool
}

// Start starts a program and returns when it runs. It is ended with the test.
func Start(t testing.TB, p *Program, o Options) *Process {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", o.script(), "sh", p.Executable(t)}, append(p.Args[:len(p.Args):len(p.Args)], o.Args...)...)...)
	cmd.Env = append(o.environment(), o.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: o.Session}
	if o.User != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.User, Gid: o.User}
	}
	for _, l := range o.Listeners {
		file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, o.Files...)
	process := &Process{t: t, Program: p, cmd: cmd, mayFail: o.MayFail, exited: make(chan struct{})}
	process.collect(o)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process.started()
	for _, l := range o.Listeners {
		l.Close()
	}
	t.Cleanup(process.end)
	return process
}

// script makes the shell become the program, as only the child knows its own
// process id.
func (o *Options) script() string {
	var script strings.Builder
	pids := o.PIDs
	if o.ListenPID == "" && len(o.Listeners)+len(o.Files) > 0 {
		pids = append(pids[:len(pids):len(pids)], "LISTEN_PID")
	}
	for _, name := range pids {
		fmt.Fprintf(&script, "export %s=$$; ", name)
	}
	if o.Group != "" {
		fmt.Fprintf(&script, "echo $$ >%s/cgroup.procs || exit; ", o.Group)
	}
	if !o.PipeKills {
		script.WriteString("trap '' PIPE; ")
	}
	return script.String() + `exec "$@"`
}

func (o *Options) environment() []string {
	env := append(raceOptions(), "PATH="+os.Getenv("PATH"), "LC_ALL=C")
	n := len(o.Listeners) + len(o.Files)
	if n == 0 {
		return env
	}
	names := strings.TrimSuffix(strings.Repeat("test.socket:", n), ":")
	env = append(env, fmt.Sprintf("LISTEN_FDS=%d", n), "LISTEN_FDNAMES="+names)
	if o.ListenPID != "" {
		env = append(env, "LISTEN_PID="+o.ListenPID)
	}
	return env
}

// collect connects stderr and stdout.
func (p *Process) collect(o Options) {
	p.cmd.Stdout = &p.stdout
	if o.Stderr != nil {
		p.cmd.Stderr = o.Stderr
		return
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if o.Journal {
		p.cmd.Env = append(p.cmd.Env, JournalStream(p.t, writer))
	}
	p.cmd.Stderr = writer
	p.log.read(reader)
	p.afterStart = writer
}

// JournalStream is the variable by which a service manager says that a file is
// a stream to the journal.
func JournalStream(t testing.TB, file *os.File) string {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino)
}
