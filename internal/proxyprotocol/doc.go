// Package proxyprotocol formats and parses the header of the PROXY protocol, by
// which a proxy tells a server, or the next proxy, who its client is. It is a thin
// layer over go-proxyproto for a caller that holds bytes, not a connection: it says
// how long a header will be before it is complete, and bounds its length.
//
// The specification is haproxy's doc/proxy-protocol.txt; its words are used here.
package proxyprotocol

import "net"

// Version is a version of the header, 0 for none.
type Version uint8

// The versions: a line of text, and a binary block.
const (
	None Version = 0
	V1   Version = 1
	V2   Version = 2
)

// Addresses are the two ends of a client's connection, of types *net.TCPAddr,
// *net.UDPAddr or *net.UnixAddr. Any other type stands for a family that the
// protocol does not have. A nil Source means that the client's address is unknown or of
// no interest: the connection's own addresses are all there is.
//
// The Name of a UNIX address is the content of sun_path: an abstract name begins with a
// zero byte, and that of an unnamed socket is empty.
type Addresses struct{ Source, Destination net.Addr }
