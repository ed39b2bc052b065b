package activation

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// stale leaves a socket file behind, as a killed process does.
func stale(t *testing.T, path string, kind int) {
	t.Helper()
	_ = rawSocket(t, unix.AF_UNIX, kind, &unix.SockaddrUnix{Name: path}, false).Close()
	if !exists(path) {
		t.Fatal("no file is left")
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	for name, kind := range map[string]int{"stream": unix.SOCK_STREAM, "datagram": unix.SOCK_DGRAM} {
		path := filepath.Join(t.TempDir(), name)
		stale(t, path, kind)
		l := mustListen(t, path)
		reaches(t, l, "unix", path)
	}
}

func TestListenRefusesLiveSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	live := mustListen(t, path)
	wantInUse(t, path, `--listen="`+path+`": another process listens on this path; stop it or choose another path`)
	drain(t, live) // of a single probe
	reaches(t, live, "unix", path)
}

// drain takes the connection that a probe made, and finds no other.
func drain(t *testing.T, l *Listener) {
	t.Helper()
	fd, _, err := unix.Accept4(l.FD, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)
	if _, _, err := unix.Accept4(l.FD, unix.SOCK_CLOEXEC); err != unix.EAGAIN {
		t.Errorf("it was probed more than once (%v)", err)
	}
}

// A listener too busy to accept is still a listener, and must not block us.
func TestListenRefusesLiveSocketWithFullQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	file := rawSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, false)
	if err := unix.Listen(int(file.Fd()), 0); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	wantInUse(t, path, ": another process listens on this path; ")
	if !exists(path) {
		t.Error("the live socket's path is gone")
	}
}

func TestListenRefusesLiveDatagramSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	rawSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM, &unix.SockaddrUnix{Name: path}, false)
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "socket of another type") {
		t.Errorf("got %v", err)
	}
	if !exists(path) {
		t.Error("the live socket's path is gone")
	}
}

func TestListenNeverRemovesOtherFiles(t *testing.T) {
	for kind, create := range map[string]func(path string) error{
		"a regular file":  func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"a directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"a FIFO":          func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a symbolic link": func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		path := filepath.Join(t.TempDir(), "s")
		if err := create(path); err != nil {
			t.Fatal(err)
		}
		_, err := Listen(path)
		if err == nil || !strings.Contains(err.Error(), "the path is taken by "+kind+"; ") {
			t.Errorf("%s: got %v", kind, err)
		}
		if !exists(path) {
			t.Errorf("%s: removed", kind)
		}
	}
}

// A link to a stale socket is somebody's arrangement, not a left-over.
func TestListenKeepsLinkToStaleSocket(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "s"), filepath.Join(dir, "link")
	stale(t, path, unix.SOCK_STREAM)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(link); err == nil {
		t.Error("listened through a symbolic link")
	}
	if !exists(path) || !exists(link) {
		t.Error("something was removed")
	}
}

func TestListenMissingDirectory(t *testing.T) {
	_, err := Listen(filepath.Join(t.TempDir(), "missing", "s"))
	if err == nil || !strings.Contains(err.Error(), "create the directory first") {
		t.Errorf("got %v", err)
	}
}

func TestCloseRemovesOwnPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := mustListen(t, path)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if exists(path) {
		t.Error("the path is still there")
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseKeepsReplacedPath(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"another socket": func(t *testing.T, path string) { mustListen(t, path) },
		"a regular file": func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l := mustListen(t, path)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			replace(t, path)
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if !exists(path) {
				t.Error("Close removed a file that is not ours")
			}
		})
	}
}

func TestCloseWithPathAlreadyGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := mustListen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
