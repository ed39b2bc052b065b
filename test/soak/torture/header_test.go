package torture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What goes before the streams with --accept-proxy-protocol and --proxy-protocol=v2: the
// client says that it is another one, whose address follows from the connection's number,
// and the target must be told the same.

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// headerSize is that of a v2 header with two IPv4 addresses.
const headerSize = 28

// claimed is the address that a client says is its own.
func claimed(number uint64) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(number >> 16), byte(number >> 8), byte(number)}), uint16(number%65000+1))
}

// header is what a client begins with, in either version.
func (d dice) header(number uint64) []byte {
	from := claimed(number)
	if d.in100(50) {
		return fmt.Appendf(nil, "PROXY TCP4 %v 192.0.2.1 %d 443\r\n", from.Addr(), from.Port())
	}
	return formatHeader(from)
}

func formatHeader(from netip.AddrPort) []byte {
	h := append([]byte(signature), 0x21, 0x11, 0, 12)
	h = append(h, from.Addr().AsSlice()...)
	h = append(h, 192, 0, 2, 1)
	h = binary.BigEndian.AppendUint16(h, from.Port())
	return binary.BigEndian.AppendUint16(h, 443)
}

func prefaceStep(piece int) step {
	return step{name: "send the header", do: (*end).sendPreface, piece: piece}
}

// sendPreface sends the client's header, which does not count.
func (e *end) sendPreface(t *track) outcome {
	if !e.writable {
		return waiting
	}
	left := e.of.plan.parts[e.who].preface[t.moved:]
	n, err := unix.SendmsgN(e.fd, left[:min(len(left), t.step().piece)], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	switch err {
	case nil:
	case unix.EAGAIN:
		e.writable = false
		return waiting
	default:
		e.broken(err)
		return waiting
	}
	if t.moved += int64(n); n < len(left) {
		return moving
	}
	return done
}
