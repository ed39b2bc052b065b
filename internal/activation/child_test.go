package activation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The protocol of sd_listen_fds(3) is between a parent and a child: the
// descriptors start at 3 and $LISTEN_PID is the child's own. So these tests run
// the test binary again, with childVariable set, and the child reports what
// Inherited made of its situation.
const childVariable = "ACTIVATION_TEST_CHILD"

// withoutDescriptors is a value of childVariable: no descriptor is free.
const withoutDescriptors = "without-descriptors"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		childMain()
		return
	}
	os.Exit(m.Run())
}

// report is what a child knows after Inherited.
type report struct {
	Listeners   []listenerReport
	Connections []listenerReport // what is known of their listeners, and how their own descriptors are
	Kept        bool             // one of them has a descriptor of its listener
	Nil         bool             // the slice itself is nil
	Error       string
	Absence     string   // what there was to say if nothing was passed
	Environment []string // what is left of LISTEN_*
	SecondCall  int      // listeners returned by a second call
	OpenSockets int      // sockets open in the child, before it closes anything
	AfterClose  int      // and after all listeners are closed
}

type listenerReport struct {
	FD            int
	Name          string
	Family        int
	Address       string
	Port          int
	NonBlocking   bool
	CloseOnExec   bool
	Polled        bool // in the Go runtime's epoll set
	PolledControl bool // the same, with an os.File made over it
}

func childMain() {
	free := func() {}
	if os.Getenv(childVariable) == withoutDescriptors {
		free = useUpDescriptors()
	}
	absence := Absence().Error()
	listeners, connections, err := Inherited()
	free()
	r := report{Nil: listeners == nil && connections == nil, OpenSockets: openSockets(), Absence: absence}
	if err != nil {
		r.Error = err.Error()
	}
	for _, l := range listeners {
		r.Listeners = append(r.Listeners, examine(l, l.FD))
	}
	for _, c := range connections {
		r.Connections = append(r.Connections, examine(c.Listener, c.FD))
		r.Kept = r.Kept || c.Listener.FD >= 0
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "LISTEN_") {
			r.Environment = append(r.Environment, variable)
		}
	}
	second, more, _ := Inherited()
	r.SecondCall = len(second) + len(more)
	closeAll(listeners)
	for _, c := range connections {
		c.Reset()
	}
	r.AfterClose = openSockets()
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		panic(err)
	}
}

// useUpDescriptors leaves no descriptor, until free is called.
func useUpDescriptors() (free func()) {
	// The runtime opens its epoll set with the first pipe, and cannot do without.
	if _, _, err := os.Pipe(); err != nil {
		panic(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 32, Max: 32}); err != nil {
		panic(err)
	}
	var taken []int
	for {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	return func() {
		for _, fd := range taken {
			_ = unix.Close(fd)
		}
	}
}

func examine(l *Listener, fd int) listenerReport {
	status, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	r := listenerReport{
		FD: fd, Name: l.Name, Family: l.Family, Address: l.Address, Port: l.Port,
		NonBlocking: status&unix.O_NONBLOCK != 0,
		CloseOnExec: flags&unix.FD_CLOEXEC != 0,
		Polled:      polled(fd),
	}
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		panic(err)
	}
	file := os.NewFile(uintptr(duplicate), "control")
	r.PolledControl = polled(fd)
	_ = file.Close()
	return r
}

// descriptors calls visit with each open descriptor of this process and what
// its link in /proc says.
func descriptors(visit func(fd int, target string)) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
			fd, _ := strconv.Atoi(entry.Name())
			visit(fd, target)
		}
	}
}

func openSockets() (count int) {
	descriptors(func(fd int, target string) {
		if fd > 2 && strings.HasPrefix(target, "socket:") {
			count++
		}
	})
	return count
}

// polled tells whether any epoll set of this process watches the socket of fd,
// through whatever descriptor: proc(5) lists the inode of each watched file.
func polled(fd int) (found bool) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		panic(err)
	}
	want := fmt.Sprintf(" ino:%x ", stat.Ino)
	descriptors(func(fd int, target string) {
		if target != "anon_inode:[eventpoll]" {
			return
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		if err != nil {
			panic(err)
		}
		found = found || strings.Contains(string(info), want)
	})
	return found
}

// ownPID stands for the child's process id, which only the child knows.
const ownPID = "$$"

// runChild runs a child with the files at descriptors 3 and up.
func runChild(t *testing.T, files []*os.File, variables ...string) report {
	t.Helper()
	return runChildOn(t, nil, files, variables...)
}

// runChildOn is runChild with a standard input.
func runChildOn(t *testing.T, stdin *os.File, files []*os.File, variables ...string) report {
	t.Helper()
	command := exec.Command("/bin/sh", "-c", childScript(variables), os.Args[0])
	// The race detector's runtime otherwise sleeps a second at exit.
	command.Env = append(os.Environ(), childVariable+"=1", "GORACE=atexit_sleep_ms=0")
	command.ExtraFiles = files
	if stdin != nil {
		command.Stdin = stdin
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, stderr.String())
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("child's report: %v\n%s", err, out)
	}
	return r
}

// childScript sets the variables as the service manager does: between fork and
// exec, when the process id is known.
func childScript(variables []string) string {
	script := ""
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		if value != ownPID {
			value = "'" + value + "'"
		}
		script += "export " + name + "=" + value + "; "
	}
	return script + `exec "$0"`
}

// rawSocket returns a socket as a file to pass on. It is bound and listening as
// far as the arguments say.
func rawSocket(t *testing.T, family, kind int, address unix.Sockaddr, listening bool) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	if address != nil {
		if err := unix.Bind(fd, address); err != nil {
			t.Fatalf("bind: %v", err)
		}
	}
	if listening {
		if err := unix.Listen(fd, 16); err != nil {
			t.Fatalf("listen: %v", err)
		}
	}
	file := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { _ = file.Close() })
	return file
}

var loopback = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}

// listeningSocket returns a blocking or non-blocking TCP listener.
func listeningSocket(t *testing.T, flags int) *os.File {
	t.Helper()
	return rawSocket(t, unix.AF_INET, unix.SOCK_STREAM|flags, loopback, true)
}
