package forward

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// Outbound is how connections leave for their targets, as far as these are on TCP. Zero
// is as the kernel has it.
type Outbound struct {
	// FastOpen has the first bytes travel with the connect, if there are any: those
	// of the prologue, and what the client has sent by then. They stay where they are
	// until the target is connected, so that a connect that fails has lost nothing.
	FastOpen bool
	// Mark is as in socket.Outfit.
	Mark uint32
	// Bind4 and Bind6 are the addresses to connect from, each to a target's addresses
	// of the same family. If both are invalid the kernel chooses.
	Bind4, Bind6 netip.Addr
	// Transparent has each connection come from its client's address.
	Transparent bool
}

// EarlyRoom is for how many bytes there is room that travel with a connect. The kernel
// takes what fits into a packet.
const EarlyRoom = 4 << 10

// ErrClientLeft tells that a client's address is not known any more, as it has reset
// the connection.
var ErrClientLeft = errors.New("the client has left")

// Fits tells whether sockets get an outfit at all.
func (o *Outbound) Fits() bool { return o.Mark != 0 || o.binds() || o.Transparent }

func (o *Outbound) binds() bool { return o.Bind4.IsValid() || o.Bind6.IsValid() }

// Outfit tells what the socket gets that is to be connected to one of a target's
// addresses, or why that cannot be. prologue is that of the connection, and peer the
// name of its client's socket.
func (o *Outbound) Outfit(to *target.Address, prologue *Prologue, peer unix.Sockaddr) (socket.Outfit, error) {
	ip := to.IP()
	if !ip.IsValid() {
		return socket.Outfit{}, nil // not TCP
	}
	outfit := socket.Outfit{Mark: o.Mark}
	switch {
	case o.Transparent:
		client, err := clientAddress(prologue, peer)
		if err != nil {
			return socket.Outfit{}, err
		}
		if client.IsValid() && client.Is4() != ip.Is4() {
			return socket.Outfit{}, fmt.Errorf("the client's address, which --transparent keeps, is %s", familyName(client))
		}
		outfit.Source, outfit.Transparent = client, client.IsValid()
	case o.binds():
		outfit.Source = o.bindFor(ip)
		if !outfit.Source.IsValid() {
			return socket.Outfit{}, fmt.Errorf("no %s address in --bind=", familyName(ip))
		}
	}
	return outfit, nil
}

// bindFor is the address to connect from to another one.
func (o *Outbound) bindFor(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return o.Bind4
	}
	return o.Bind6
}

// clientAddress is where a client comes from: as its PROXY header tells, else its
// socket. It is invalid for one on a UNIX socket, which has none but this machine's. One
// over VSOCK has none, and is on another machine as a rule.
func clientAddress(prologue *Prologue, peer unix.Sockaddr) (netip.Addr, error) {
	client := prologue.toldIP()
	if !client.IsValid() {
		switch name := peer.(type) {
		case nil:
			return netip.Addr{}, ErrClientLeft
		case *unix.SockaddrInet4:
			client = netip.AddrFrom4(name.Addr)
		case *unix.SockaddrInet6:
			client = withScope(netip.AddrFrom16(name.Addr).Unmap(), name.ZoneId)
		case *unix.SockaddrUnix:
			return netip.Addr{}, nil
		default:
			return netip.Addr{}, errors.New("the client has no IP address for --transparent to keep")
		}
	}
	// The kernel would bind to the first of these without a word, and choose the
	// address itself.
	if client.IsValid() && !isHost(client) {
		return netip.Addr{}, errors.New("the client's address, which --transparent keeps, is not a usable source address")
	}
	return client, nil
}

// withScope is an address with the number of its interface as the zone, 0 for none.
func withScope(ip netip.Addr, scopeID uint32) netip.Addr {
	if scopeID == 0 {
		return ip
	}
	return ip.WithZone(fmt.Sprint(scopeID))
}

// isHost tells whether an address may be that of a single machine.
func isHost(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func familyName(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
