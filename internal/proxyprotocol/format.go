package proxyprotocol

import (
	"encoding/binary"
	"net"

	"github.com/pires/go-proxyproto"
)

// Format returns a header. If a version has no form for the addresses, the header says so:
// v1 by UNKNOWN, v2 by AF_UNSPEC, or by LOCAL if there is no source. If two IP addresses
// are of different families, the IPv4 one is written in IPv6 form. Extensions are added to
// v2, unless the header is LOCAL, which is about no client.
func Format(version Version, a Addresses, extensions []byte) []byte {
	header := proxyproto.HeaderProxyFromAddrs(byte(version), a.Source, a.Destination)
	if header.TransportProtocol == proxyproto.UNSPEC && a.Source != nil {
		header.Command = proxyproto.PROXY // for a client of a family that has no form
	}
	if bytes, err := header.Format(); err == nil {
		if version == V2 && header.Command == proxyproto.PROXY && len(extensions) > 0 {
			bytes = append(bytes, extensions...)
			binary.BigEndian.PutUint16(bytes[PrefixV2-2:], uint16(len(bytes)-PrefixV2))
		}
		return bytes
	}
	// Impossible addresses, such as a port of 70000: no socket has them.
	unknown := proxyproto.Header{Version: byte(version), Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	bytes, _ := unknown.Format() // nothing in it can fail
	return bytes
}

// Other is an address of a family that the protocol does not have, as text.
type Other string

var _ net.Addr = Other("")

// Network implements net.Addr.
func (Other) Network() string { return "other" }

// String implements net.Addr.
func (o Other) String() string { return string(o) }
