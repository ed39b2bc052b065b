package forward

import "net/netip"

// Outbound says how connections to targets on TCP are made. The zero value leaves everything
// to the kernel.
type Outbound struct {
	// FastOpen makes the first bytes travel with the connect, if there are any: those
	// of the prologue, and what the client has sent by then. They stay where they are
	// until the target is connected, so that a connect that fails loses nothing.
	FastOpen bool
	// Mark is as in socket.Outfit.
	Mark uint32
	// Bind4 and Bind6 are the addresses to connect from, each to a target's addresses
	// of the same family. If both are invalid the kernel chooses.
	Bind4, Bind6 netip.Addr
	// Transparent makes each connection come from its client's address.
	Transparent bool
}

// Fits tells whether sockets get an outfit at all.
func (o *Outbound) Fits() bool { return o.Mark != 0 || o.Binds() || o.Transparent }

// Binds tells whether there is an address to connect from.
func (o *Outbound) Binds() bool { return o.Bind4.IsValid() || o.Bind6.IsValid() }

// BindFor is the address to connect from to another one.
func (o *Outbound) BindFor(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return o.Bind4
	}
	return o.Bind6
}
