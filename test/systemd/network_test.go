package systemd

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Dial connects to port 80 inside, as a program of the machine would.
func (m *Machine) Dial() (conn net.Conn, err error) {
	inside := m.onNetwork(func() {
		conn, err = harness.TryDial(harness.Address{Network: "tcp4", Text: "127.0.0.1:80"}, harness.SocketOptions{})
	})
	if inside != nil {
		return nil, inside
	}
	return conn, err
}

// onNetwork calls f on a thread that is in the machine's network: a socket stays
// in the network where it was made. The thread goes back afterwards. It must not
// end instead, as the machine would be killed with the thread that started it
// (PR_SET_PDEATHSIG is about threads).
func (m *Machine) onNetwork(f func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	away, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.pid1))
	if err != nil {
		return err
	}
	defer away.Close()
	if err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	f()
	return os.NewSyscallError("setns", unix.Setns(int(home.Fd()), unix.CLONE_NEWNET))
}
