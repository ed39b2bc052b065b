package connection

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/proxyprotocol"
)

// Prologue is what a connection sends to its target before anything that is received from
// its client later on.
//
// Where clients begin with a header, that is received first: into Room, until Received says
// that it is complete. Only then does complete make the bytes; without such a header it makes
// them at once.
type Prologue struct {
	// Bytes are the header for the target, and what came after the client's own.
	// Nil while the prologue is not complete.
	Bytes []byte

	// Late means that time was up when something had come that was still to be received:
	// if that does not complete the header, nothing will.
	Late bool

	received []byte
	header   int      // how long the client's header is, 0 while that cannot be told
	payload  int      // bytes behind the client's header, once complete
	told     net.Addr // the client by its header, once complete; nil if that does not tell
	place    headerPlace
}

// headerRoom is for how much of a client's header there is room at first: any but one
// with many extensions. What comes behind a short one is received with it, and so is
// bounded too.
const headerRoom = 256

// newPrologue begins the prologue of a connection. It returns nil if there is none.
func newPrologue(settings forward.ProxyProtocol) *Prologue {
	switch {
	case settings.Accept:
		return &Prologue{received: make([]byte, 0, headerRoom)}
	case settings.Send != proxyprotocol.None:
		return &Prologue{}
	}
	return nil
}

// HasPayload tells whether a client has sent something behind its header. Without a
// prologue, it has not.
func (p *Prologue) HasPayload() bool { return p != nil && p.payload > 0 }

// toldIP is the client's IP address by its header; invalid if that tells none.
func (p *Prologue) toldIP() netip.Addr {
	if p == nil {
		return netip.Addr{}
	}
	client, ok := p.told.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return client.AddrPort().Addr().Unmap()
}

// Skip leaves out what has gone ahead of n bytes, of which the prologue were the first.
// It returns how many of them came behind it.
func (p *Prologue) Skip(n int) (behind int) {
	if p == nil {
		return n
	}
	own := min(n, len(p.Bytes))
	p.Bytes = p.Bytes[own:]
	return n - own
}

// Room is where the next bytes of the client's header are to be received.
func (p *Prologue) Room() []byte { return p.received[len(p.received):cap(p.received)] }

// Own is how many of n bytes in Room belong to the client's header, as far as that can be
// told: at least one.
func (p *Prologue) Own(n int) int {
	had := len(p.received)
	length, err := proxyprotocol.Length(p.received[:had+n])
	if err != nil || length == 0 {
		return n // no header, or not all of it
	}
	return min(n, length-had)
}

// Received counts n bytes in that are in Room now. It tells whether the client's
// header is complete, or what is wrong with it. The end of the stream is 0 bytes.
func (p *Prologue) Received(n int) (complete bool, err error) {
	if n == 0 {
		return false, errEnded
	}
	p.received = p.received[:len(p.received)+n]
	if p.header, err = proxyprotocol.Length(p.received); err != nil {
		return false, err
	}
	if p.header > cap(p.received) {
		p.received = append(make([]byte, 0, p.header), p.received...)
	}
	return p.header > 0 && len(p.received) >= p.header, nil
}

// Probed tells of a client whose header is not complete for a reason whether it has left
// without a byte, as those do who look whether somebody listens. There is nothing wrong with
// such a one.
func (p *Prologue) Probed(reason error) bool {
	return len(p.received) == 0 && (errors.Is(reason, errEnded) || errors.Is(reason, unix.ECONNRESET))
}

// complete makes the bytes, with a header of a version, or none. local and peer are the names
// of the client's socket; whichever is nil could not be told.
func (p *Prologue) complete(send proxyprotocol.Version, local, peer unix.Sockaddr) error {
	addresses := proxyprotocol.Addresses{Source: proxyprotocol.AddressOf(peer), Destination: proxyprotocol.AddressOf(local)}
	var extensions []byte
	if p.header > 0 {
		told, more, err := proxyprotocol.Parse(p.received[:p.header])
		if err != nil {
			return err
		}
		extensions = more
		if told.Source != nil {
			addresses, p.told = told, told.Source
		}
	}
	p.Bytes = []byte{}
	if send != proxyprotocol.None {
		p.Bytes = proxyprotocol.Format(send, addresses, extensions)
	}
	payload := p.received[p.header:]
	p.payload = len(payload)
	p.Bytes = append(p.Bytes, payload...)
	p.received = nil
	return nil
}
