package systemd

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// transparentTarget has a target on TCP that says where a connection comes from, and a
// client with an address of its own.
func transparentTarget(t *testing.T, m *Machine) {
	const from = "127.0.0.9"
	for _, name := range []string{"tcp-target", "transparent"} {
		m.DropIn(proxyService, name, m.distributed(name+".conf"))
	}
	if len(m.Setup.Options) > 0 {
		m.DropIn(proxyService, "zz-arguments", "[Service]\nExecStart=\nExecStart="+
			strings.Join(append([]string{executable}, append(m.Setup.Options, "--transparent", "127.0.0.1:8080")...), " "))
	}
	if err := m.onNetwork(func() {
		address := harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: "127.0.0.1:8080"}
		harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), func(c *harness.Conn) {
			c.SendText(c.RemoteAddr().(*net.TCPAddr).IP.String())
		})
	}); err != nil {
		t.Fatal(err)
	}
	m.Listen()
	for range 3 {
		if seen := m.askFrom(from); seen != from {
			t.Errorf("the target sees %q, want %s", seen, from)
		}
	}
	m.wantEngine()
	status, err := os.ReadFile(m.Path(fmt.Sprintf("/proc/%d/status", m.MainPID())))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"CapEff", "CapPrm", "CapBnd", "CapAmb"} {
		if want := set + ":\t0000000000001000\n"; !strings.Contains(string(status), want) { // CAP_NET_ADMIN is bit 12
			t.Errorf("%s is not in:\n%s", want, status)
		}
	}
	wantScore(t, m, 2.5)
	m.Want(proxyService, "NRestarts=0")
}

// askFrom connects to port 80 inside from an address, and returns what comes.
func (m *Machine) askFrom(ip string) string {
	m.t.Helper()
	var conn net.Conn
	var err error
	inside := m.onNetwork(func() {
		conn, err = harness.TryDial(harness.Address{Network: "tcp4", Text: "127.0.0.1:80"}, harness.SocketOptions{From: &net.TCPAddr{IP: net.ParseIP(ip)}})
	})
	if inside != nil || err != nil {
		m.t.Fatal(inside, err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		m.t.Error(err)
	}
	return string(text)
}
