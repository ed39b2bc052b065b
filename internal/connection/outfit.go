package connection

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// EarlyRoom is how much room there is for bytes that travel with a connect. The kernel takes
// as many as fit into a packet.
const EarlyRoom = 4 << 10

// errClientLeft tells that a client's address is not known any more, as it has reset
// the connection.
var errClientLeft = errors.New("the client has left")

// outfitFor tells what the socket gets that is to be connected to one of a target's
// addresses, or why that cannot be. prologue is that of the connection, and peer the
// name of its client's socket.
func outfitFor(o *forward.Outbound, to *target.Address, prologue *Prologue, peer unix.Sockaddr) (socket.Outfit, error) {
	ip := to.IP()
	if !ip.IsValid() {
		return socket.Outfit{}, nil // not TCP
	}
	fit := socket.Outfit{Mark: o.Mark}
	switch {
	case o.Transparent:
		client, err := clientAddress(prologue, peer)
		if err != nil {
			return socket.Outfit{}, err
		}
		if client.IsValid() && client.Is4() != ip.Is4() {
			return socket.Outfit{}, fmt.Errorf("the client's address, which --transparent keeps, is %s", target.FamilyName(client))
		}
		fit.Source, fit.Transparent = client, client.IsValid()
	case o.Binds():
		fit.Source = o.BindFor(ip)
		if !fit.Source.IsValid() {
			return socket.Outfit{}, fmt.Errorf("no %s address in --bind=", target.FamilyName(ip))
		}
	}
	return fit, nil
}

// clientAddress is where a client comes from: as its PROXY header tells, else its
// socket. It is invalid for one on a UNIX socket, which has none but this machine's. One
// over VSOCK has none, and is on another machine as a rule.
func clientAddress(prologue *Prologue, peer unix.Sockaddr) (netip.Addr, error) {
	client := prologue.toldIP()
	if !client.IsValid() {
		switch name := peer.(type) {
		case nil:
			return netip.Addr{}, errClientLeft
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
