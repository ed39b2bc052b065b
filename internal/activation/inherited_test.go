package activation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInheritedSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	abstract := "@activation-test-" + filepath.Base(t.TempDir()) + t.Name()
	stream := unix.SOCK_STREAM | unix.SOCK_NONBLOCK
	files := []*os.File{
		listeningSocket(t, unix.SOCK_NONBLOCK),
		listeningSocket(t, 0), // systemd passes non-blocking ones, others may not
		rawSocket(t, unix.AF_INET6, stream, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, true),
		rawSocket(t, unix.AF_UNIX, stream, &unix.SockaddrUnix{Name: path}, true),
		rawSocket(t, unix.AF_UNIX, stream, &unix.SockaddrUnix{Name: abstract}, true),
	}
	r := runChild(t, files, "LISTEN_PID="+ownPID, "LISTEN_FDS=5", "LISTEN_FDNAMES=web:web:six::x.socket")
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	want := []listenerReport{
		{Name: "web", Family: unix.AF_INET, Address: addressOf(t, files[0])},
		{Name: "web", Family: unix.AF_INET, Address: addressOf(t, files[1])},
		{Name: "six", Family: unix.AF_INET6, Address: addressOf(t, files[2])},
		{Name: "unknown", Family: unix.AF_UNIX, Address: path},
		{Name: "x.socket", Family: unix.AF_UNIX, Address: abstract},
	}
	if len(r.Listeners) != len(want) {
		t.Fatalf("got %d listeners, want %d", len(r.Listeners), len(want))
	}
	for i, l := range r.Listeners {
		if l.FD < 3 || !l.NonBlocking || !l.CloseOnExec {
			t.Errorf("listener %d is not as an engine needs it: %+v", i, l)
		}
		got := listenerReport{Name: l.Name, Family: l.Family, Address: l.Address}
		if got != want[i] {
			t.Errorf("listener %d: got %+v, want %+v", i, got, want[i])
		}
	}
	if len(r.Environment) != 0 || r.SecondCall != 0 {
		t.Errorf("left over: environment %q, second call %d listeners", r.Environment, r.SecondCall)
	}
	if r.OpenSockets != len(want) || r.AfterClose != 0 {
		t.Errorf("%d sockets open, %d after Close, want %d and 0", r.OpenSockets, r.AfterClose, len(want))
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("Close removed a path that the process did not create: %v", err)
	}
}

func addressOf(t *testing.T, file *os.File) string {
	t.Helper()
	address, _, err := localAddress(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// An epoll set holds sockets, not descriptors, so closing the os.File is not
// enough by itself when a duplicate lives on.
func TestInheritedStaysOutOfGoEpoll(t *testing.T) {
	files := []*os.File{listeningSocket(t, unix.SOCK_NONBLOCK), listeningSocket(t, unix.SOCK_NONBLOCK)}
	r := runChild(t, files, "LISTEN_PID="+ownPID, "LISTEN_FDS=2")
	if len(r.Listeners) != 2 {
		t.Fatalf("got %d listeners (%s), want 2", len(r.Listeners), r.Error)
	}
	for _, l := range r.Listeners {
		if l.Polled {
			t.Errorf("listener %d is in the runtime's epoll set", l.FD)
		}
		if !l.PolledControl {
			t.Errorf("listener %d with an os.File is not in the epoll set: the check checks nothing", l.FD)
		}
	}
}

func TestInheritedNothing(t *testing.T) {
	for name, variables := range map[string][]string{
		"no variables":     nil,
		"no pid":           {"LISTEN_FDS=1"},
		"no count":         {"LISTEN_PID=" + ownPID},
		"another process":  {"LISTEN_PID=1", "LISTEN_FDS=1"},
		"another, garbage": {"LISTEN_PID=1", "LISTEN_FDS=x"},
		"another's pidfd":  {"LISTEN_PID=" + ownPID, "LISTEN_FDS=1", "LISTEN_PIDFDID=1"},
	} {
		if _, known := ownPIDFDID(); !known && name == "another's pidfd" {
			continue // nothing to compare
		}
		t.Run(name, func(t *testing.T) {
			r := runChild(t, []*os.File{listeningSocket(t, 0)}, variables...)
			if r.Error != "" || !r.Nil {
				t.Errorf("got %d listeners, error %q, want nil and none", len(r.Listeners), r.Error)
			}
			if r.OpenSockets != 1 {
				t.Errorf("%d sockets open, want the one that was not ours to take", r.OpenSockets)
			}
			if len(r.Environment) != 0 {
				t.Errorf("environment left: %q", r.Environment)
			}
		})
	}
}

// The original fails on each of these ("Failed to receive sockets from parent").
func TestInheritedMalformedEnvironment(t *testing.T) {
	for _, variables := range [][]string{
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS=x"},
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS="},
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS=0"},
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS=-1"},
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS=2147483647"},
		{"LISTEN_PID=" + ownPID, "LISTEN_FDS=99999999999999999999"},
		{"LISTEN_FDS=1", "LISTEN_PID=" + ownPID, "LISTEN_PIDFDID=x"},
		{"LISTEN_FDS=1", "LISTEN_PID=x"},
		{"LISTEN_FDS=1", "LISTEN_PID="},
		{"LISTEN_FDS=1", "LISTEN_PID=0"},
	} {
		t.Run(strings.Join(variables, " "), func(t *testing.T) {
			r := runChild(t, []*os.File{listeningSocket(t, 0)}, variables...)
			last := variables[len(variables)-1]
			name, value, _ := strings.Cut(last, "=")
			if !strings.HasPrefix(r.Error, name+"=\""+value+"\" is not ") {
				t.Errorf("error %q does not name %s", r.Error, last)
			}
			if !r.Nil || len(r.Environment) != 0 {
				t.Errorf("left over: %+v", r)
			}
		})
	}
}

func TestInheritedRefuses(t *testing.T) {
	const need = "need a stream socket that listens or is connected: set ListenStream="
	unixPath := func(t *testing.T) unix.Sockaddr {
		return &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "s")}
	}
	for name, test := range map[string]struct {
		file func(*testing.T) *os.File
		want string
	}{
		"datagram": {
			func(t *testing.T) *os.File { return rawSocket(t, unix.AF_INET, unix.SOCK_DGRAM, loopback, false) },
			"is a datagram socket, " + need,
		},
		"sequential packets": {
			func(t *testing.T) *os.File {
				return rawSocket(t, unix.AF_UNIX, unix.SOCK_SEQPACKET, unixPath(t), true)
			},
			"is a sequential packet socket, " + need,
		},
		"not listening": {
			func(t *testing.T) *os.File { return rawSocket(t, unix.AF_INET, unix.SOCK_STREAM, loopback, false) },
			"is a stream socket that does not listen and is not connected, " + need,
		},
		"regular file": {
			func(t *testing.T) *os.File { return openFile(t, os.Args[0]) },
			"is a regular file, " + need,
		},
		"directory": {
			func(t *testing.T) *os.File { return openFile(t, "/") },
			"is a directory, " + need,
		},
		"device": {
			func(t *testing.T) *os.File { return openFile(t, os.DevNull) },
			"is a character device, " + need,
		},
		"FIFO": {
			func(t *testing.T) *os.File {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
				return r
			},
			"is a FIFO, " + need,
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := []*os.File{listeningSocket(t, unix.SOCK_NONBLOCK), test.file(t)}
			r := runChild(t, files, "LISTEN_PID="+ownPID, "LISTEN_FDS=2", "LISTEN_FDNAMES=good.socket:x.socket")
			if want := `file descriptor 4 ("x.socket") ` + test.want; r.Error != want {
				t.Errorf("got  %s\nwant %s", r.Error, want)
			}
			if !r.Nil {
				t.Errorf("got listeners beside the error: %+v", r.Listeners)
			}
		})
	}
}

// TestInheritedVSOCK needs no loopback: a socket may listen on any CID without one.
func TestInheritedVSOCK(t *testing.T) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no VSOCK here: %v", err)
	}
	file := os.NewFile(uintptr(fd), "vsock")
	defer func() { _ = file.Close() }()
	if err := unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: unix.VMADDR_PORT_ANY}); err != nil {
		t.Skipf("no VSOCK here: %v", err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	r := runChild(t, []*os.File{file}, "LISTEN_PID="+ownPID, "LISTEN_FDS=1")
	if len(r.Listeners) != 1 {
		t.Fatalf("got %+v", r)
	}
	l := r.Listeners[0]
	if l.Family != unix.AF_VSOCK || !strings.HasPrefix(l.Address, "vsock::") || l.Address != addressOf(t, file) || !l.NonBlocking {
		t.Errorf("got %+v", l)
	}
}

// The numbers after the last passed descriptor may be the Go runtime's own. A
// child that gets this wrong dies instead of reporting.
func TestInheritedPromisesTooMuch(t *testing.T) {
	for _, count := range []string{"2", "5", "1000000000"} {
		r := runChild(t, []*os.File{listeningSocket(t, unix.SOCK_NONBLOCK)}, "LISTEN_PID="+ownPID, "LISTEN_FDS="+count)
		if !strings.HasPrefix(r.Error, `file descriptor 4 ("unknown") `) {
			t.Errorf("LISTEN_FDS=%s: got %q", count, r.Error)
		}
	}
}

// Sockets that were passed are used as they are, so a process without another descriptor
// has them all.
func TestInheritedTakesNoDescriptors(t *testing.T) {
	files := []*os.File{listeningSocket(t, unix.SOCK_NONBLOCK), listeningSocket(t, unix.SOCK_NONBLOCK)}
	r := runChild(t, files, "LISTEN_PID="+ownPID, "LISTEN_FDS=2", childVariable+"="+withoutDescriptors)
	if len(r.Listeners) != 2 || r.Error != "" {
		t.Errorf("got %d listeners, error %q, want 2", len(r.Listeners), r.Error)
	}
	for i, l := range r.Listeners {
		if l.FD != firstDescriptor+i || !l.CloseOnExec {
			t.Errorf("got %+v, want descriptor %d, to be closed by exec", l, firstDescriptor+i)
		}
	}
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}
