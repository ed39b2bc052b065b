package systemd

import (
	"encoding/binary"
	"net"
	"testing"
)

// tcpTarget has a target on TCP, by a name that a file has, and by one that only
// DNS has.
func tcpTarget(t *testing.T, m *Machine) {
	m.InstallExample(namespaceExample) // for nginx on port 8080
	for _, name := range []string{proxySocket, proxyService} {
		m.Write(units+name, m.distributed(name))
	}
	m.DropIn(proxyService, "tcp-target", m.distributed("tcp-target.conf"))
	if len(m.Setup.Options) > 0 {
		m.ExecStart("localhost:8080")
	}
	m.Write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
	m.Write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
	m.serveNames()
	m.fetchByName()
	m.ExecStart("web.test:8080")
	m.fetchByName()
	wantScore(t, m, 2.0)
}

// fetchByName fetches while Go looks names up itself, and while it leaves that to
// the C library, as it does where this file names a way that Go does not know.
func (m *Machine) fetchByName() {
	m.t.Helper()
	for _, ways := range []string{"files dns", "files mymachines dns"} {
		m.Write("/etc/nsswitch.conf", "hosts: "+ways+"\n")
		m.Listen()
		m.Fetch()
		m.Want(proxyService, "NRestarts=0")
		m.wantEngine()
		m.Stop()
	}
}

// serveNames is a name server inside, until the test ends. To it, every name has
// the IPv4 address 127.0.0.1, and no other record.
func (m *Machine) serveNames() {
	m.t.Helper()
	var server net.PacketConn
	var err error
	if inside := m.onNetwork(func() { server, err = net.ListenPacket("udp4", "127.0.0.1:53") }); inside != nil || err != nil {
		m.t.Fatal(inside, err)
	}
	m.t.Cleanup(func() { server.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return
			}
			if reply := nameReply(query[:n]); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
}

// nameReply answers a query with one question (RFC 1035, section 4).
func nameReply(query []byte) []byte {
	const header, typeA = 12, 1
	end := header
	for end < len(query) && query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 5 // the root, the type, the class
	if end > len(query) {
		return nil
	}
	reply := append([]byte(nil), query[:end]...)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer to one question, and no records
	if binary.BigEndian.Uint16(query[end-4:]) != typeA {
		return reply
	}
	reply[7] = 1 // a record: the name is at byte 12, the type, the class, a minute, 4 bytes
	return append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
}
