package activation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// acceptedSocket returns what accept(2) gives of a listening socket, with flags, and
// the client's descriptor.
func acceptedSocket(t *testing.T, listener *os.File, flags int) (file *os.File, client int) {
	t.Helper()
	address, err := unix.Getsockname(int(listener.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	family, err := socketFamily(int(listener.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if client, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(client) })
	if err := unix.Connect(client, address); err != nil {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept4(int(listener.Fd()), flags|unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file = os.NewFile(uintptr(fd), "accepted")
	t.Cleanup(func() { _ = file.Close() })
	return file, client
}

func TestInheritedConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tcp := listeningSocket(t, 0)
	local := rawSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, true)
	first, _ := acceptedSocket(t, tcp, 0)
	second, _ := acceptedSocket(t, local, unix.SOCK_NONBLOCK)
	files := []*os.File{first, listeningSocket(t, 0), second}
	r := runChild(t, files, "LISTEN_PID="+ownPID, "LISTEN_FDS=3", "LISTEN_FDNAMES=connection:web:admin")
	if r.Error != "" || len(r.Listeners) != 1 || len(r.Connections) != 2 || r.Kept {
		t.Fatalf("got %+v, want a listener and two connections", r)
	}
	if l := r.Listeners[0]; l.Name != "web" || !l.NonBlocking || l.Port == 0 {
		t.Errorf("the listener is %+v", l)
	}
	port := r.Connections[0].Port
	for i, want := range []listenerReport{
		{Name: "connection", Family: unix.AF_INET, Address: addressOf(t, tcp), Port: port},
		{Name: "admin", Family: unix.AF_UNIX, Address: path},
	} {
		c := r.Connections[i]
		got := listenerReport{Name: c.Name, Family: c.Family, Address: c.Address, Port: c.Port}
		if got != want || c.FD < 3 || !c.CloseOnExec || c.Polled {
			t.Errorf("connection %d is %+v, want %+v", i, c, want)
		}
	}
	if port == 0 || r.OpenSockets != 3 || r.AfterClose != 0 {
		t.Errorf("port %d; %d sockets open, %d after Close, want 3 and 0", port, r.OpenSockets, r.AfterClose)
	}
}

// A client may have left before the program runs: its connection is one nevertheless.
func TestInheritedConnectionOfOneWhoHasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for name, listener := range map[string]*os.File{
		"IPv4": listeningSocket(t, 0),
		"IPv6": rawSocket(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, true),
		"UNIX": rawSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, true),
	} {
		for _, reset := range []bool{false, true} {
			file, client := acceptedSocket(t, listener, 0)
			if reset {
				if err := unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
					t.Fatal(err)
				}
			}
			// The descriptor is the cleanup's to close, so that none is closed twice.
			if err := unix.Dup3(int(file.Fd()), client, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			poll := []unix.PollFd{{Fd: int32(file.Fd()), Events: unix.POLLRDHUP}}
			if n, err := unix.Poll(poll, int((10 * time.Second).Milliseconds())); n != 1 || err != nil {
				t.Fatalf("%s: the client does not leave: %d, %v", name, n, err)
			}
			r := runChild(t, []*os.File{file}, "LISTEN_PID="+ownPID, "LISTEN_FDS=1")
			if r.Error != "" || len(r.Connections) != 1 {
				t.Errorf("%s, reset %v: got %+v, want a connection", name, reset, r)
			}
		}
	}
}
