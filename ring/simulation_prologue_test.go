package ring

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
)

// useProxyProtocol makes some runs send headers, or want them of their clients, for
// which these have more or less time.
func (s *simulation) useProxyProtocol(w *worker) {
	if s.rng.IntN(2) == 0 {
		return
	}
	w.Policy.ProxyProtocol = forward.ProxyProtocol{Send: proxyprotocol.Version(s.rng.IntN(3)), Accept: s.rng.IntN(2) == 0}
	w.Headers.Time = []time.Duration{0, time.Millisecond, connection.HeaderTime}[s.rng.IntN(3)]
}

// greet makes a client begin with a header, if the worker wants one: a good one as a
// rule.
func (s *simulation) greet(client *simSocket) {
	if !s.worker.Policy.ProxyProtocol.Accept {
		return
	}
	client.told = proxyprotocol.Addresses{
		Source:      &net.TCPAddr{IP: net.IPv4(198, 51, 100, byte(s.rng.Uint32())), Port: s.rng.IntN(1 << 16)},
		Destination: &net.TCPAddr{IP: net.IPv4(203, 0, 113, byte(s.rng.Uint32())), Port: s.rng.IntN(1 << 16)},
	}
	switch s.rng.IntN(8) {
	case 0:
		client.bad = true
		client.header = []byte("PROXY TCP4 here there 1 2\r\n")
	case 1:
		client.told = proxyprotocol.Addresses{}
		client.header = []byte("PROXY UNKNOWN\r\n")
	case 2:
		header := proxyproto.HeaderProxyFromAddrs(2, client.told.Source, client.told.Destination)
		tlvs := []proxyproto.TLV{{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: make([]byte, s.rng.IntN(3000))}}
		if err := header.SetTLVs(tlvs); err != nil {
			s.t.Fatal(err)
		}
		var err error
		if client.extensions, err = proxyproto.JoinTLVs(tlvs); err != nil {
			s.t.Fatal(err)
		}
		if client.header, err = header.Format(); err != nil {
			s.t.Fatal(err)
		}
	default:
		client.header = proxyprotocol.Format(proxyprotocol.Version(1+s.rng.IntN(2)), client.told, nil)
	}
	client.toCome = append(bytes.Clone(client.header), client.toCome...)
	client.shiftMarks(len(client.header))
}

// forwarded is what a socket's peer is to get of what has been written.
func (s *simulation) forwarded(p *simSocket) []byte {
	if p.pair == nil || p.pair.client != p {
		return p.written
	}
	payload := bytes.TrimPrefix(p.written, p.header)
	version := s.worker.Policy.ProxyProtocol.Send
	if version == proxyprotocol.None {
		return payload
	}
	from := p.named
	if p.told.Source != nil {
		from = p.told
	}
	return append(proxyprotocol.Format(version, from, p.extensions), payload...)
}

// checkGreeting looks at a client whose header is none: it is reset, unless it was
// turned away before, and its target never hears of it.
func (s *simulation) checkGreeting(pair *simPair) {
	looked := pair.client.named.Destination != nil
	switch {
	case !pair.client.bad:
	case pair.target != nil:
		s.t.Error("a client with a bad header reached its target")
	case looked && !pair.client.linger:
		s.t.Error("a client with a bad header was not reset")
	case looked:
		s.badHeaders++
	}
}

// Recv implements sockets.
func (s *simulation) Recv(fd int, block []byte) (int, syscall.Errno) {
	p := s.sockets[fd]
	read := len(p.written) - len(p.incoming)
	n, errno := s.recv1(p, block)
	if n > 0 && slices.ContainsFunc(p.toPass, func(m mark) bool { return m.at >= read && m.at < read+n }) {
		s.t.Fatalf("a recv from %d drops descriptors", fd)
	}
	return n, errno
}

func (s *simulation) recv1(p *simSocket, block []byte) (int, syscall.Errno) {
	fd := p.fd
	switch {
	case p.closed:
		s.t.Fatalf("recv from %d after its close", fd)
	case len(block) == 0:
		s.t.Fatalf("recv from %d into nothing", fd)
	case p.peeked == 0 && s.rng.IntN(20) == 0:
		return 0, []syscall.Errno{unix.EINTR, unix.EAGAIN}[s.rng.IntN(2)]
	case len(p.incoming) > 0:
		n := copy(block, p.incoming[:1+s.rng.IntN(len(p.incoming))])
		p.incoming = p.incoming[n:]
		p.peeked = max(p.peeked-n, 0)
		return n, 0
	}
	if errno, over := s.over(p, "recv"); over {
		return 0, errno
	}
	return 0, unix.EAGAIN
}

// Names implements sockets: a peer that has reset has no name any more.
func (s *simulation) Names(fd int) (local, peer unix.Sockaddr) {
	p := s.sockets[fd]
	port := fd & (1<<16 - 1)
	local = &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}, Port: 80}
	p.named = proxyprotocol.Addresses{Destination: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}}
	if p.reset {
		return local, nil
	}
	p.named.Source = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: port}
	return local, &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 2}, Port: port}
}

// Peer implements sockets, by Names.
func (s *simulation) Peer(fd int) unix.Sockaddr {
	s.sockets[fd].served = true
	if s.sockets[fd].reset {
		return nil
	}
	return &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 2}, Port: fd & (1<<16 - 1)}
}

// clientName is a client by Peer in the log.
func clientName(fd int) string { return fmt.Sprintf("192.0.2.2:%d", fd&(1<<16-1)) }

// waitFails tells whether a wait for a client's header is to fail, for want of memory.
func (s *simulation) waitFails(op *simOp) bool {
	data := userData(op.UserData)
	return data.operation() == opRecvClient && s.worker.transfers[data.slot()].State == connection.Greeting && s.rng.IntN(100) == 0
}
