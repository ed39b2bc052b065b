package systemd

import (
	"os"

	"uring-socket-proxyd/test/lib/harness"
)

// targetSocket is where a target of the test's own listens.
const targetSocket = "/run/target"

// Target makes the proxy forward to a script of the test's, through a UNIX socket
// in the machine, and returns its path from outside. A socket file belongs to a file
// system, not to a network, so the proxy reaches it.
func (m *Machine) Target(script func(*harness.Conn), options ...string) string {
	m.t.Helper()
	address := harness.Address{Transport: harness.Unix, Network: "unix", Text: m.Path(targetSocket)}
	listener := harness.ListenOn(m.t, address, harness.SocketOptions{})
	if err := os.Chmod(address.Text, 0o666); err != nil { // for everybody, as nginx does
		m.t.Fatal(err)
	}
	harness.ServeOn(m.t, listener, script)
	m.ExecStart(append(options, targetSocket)...)
	return address.Text
}
