// Package vsock reads and prints addresses of VSOCK sockets, by which virtual machines
// and their host talk to each other without a network (vsock(7)).
//
// They are written as for ListenStream= in systemd.socket(5): vsock:CID:PORT, or
// vsock-stream:CID:PORT. CID and PORT are numbers in the notation of C, and some CIDs
// have names, the same as in systemd.
package vsock

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Address is the address of a socket: a machine and a port, both of 32 bits. A CID of
// unix.VMADDR_CID_ANY means every CID that this machine has.
type Address struct{ CID, Port uint32 }

// names are the names that systemd has for some CIDs.
var names = map[string]uint32{
	"hypervisor": unix.VMADDR_CID_HYPERVISOR,
	"local":      unix.VMADDR_CID_LOCAL,
	"host":       unix.VMADDR_CID_HOST,
}

const form = "write vsock:CID:PORT"

// ErrNotStream is the error for an address of another type of socket.
var ErrNotStream = errors.New("not a stream socket; " + form)

// Cut returns the CID:PORT after the prefix that marks an address of a VSOCK socket.
// Without such a prefix it reports false.
func Cut(text string) (cidPort string, ok bool) {
	for _, prefix := range []string{"vsock:", "vsock-stream:"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest, true
		}
	}
	return "", false
}

// OfAnotherType reports whether a text is written as the address of a VSOCK socket that
// is not a stream socket.
func OfAnotherType(text string) bool {
	return strings.HasPrefix(text, "vsock-dgram:") || strings.HasPrefix(text, "vsock-seqpacket:")
}

// Parse reads CID:PORT. Without a CID (":PORT") it is VMADDR_CID_ANY. An error reads
// "reason; hint", to follow what was given.
func Parse(cidPort string) (Address, error) {
	cid, port, ok := strings.Cut(cidPort, ":")
	if !ok {
		return Address{}, errors.New("not a VSOCK address with a port; " + form)
	}
	a := Address{CID: unix.VMADDR_CID_ANY}
	if cid != "" {
		if a.CID, ok = names[cid]; !ok {
			if a.CID, ok = parseNumber(cid); !ok {
				return Address{}, fmt.Errorf("%q is not a CID; write a number, or host, local or hypervisor", cid)
			}
		}
	}
	// The kernel takes VMADDR_PORT_ANY for no port at all, as systemd does.
	if a.Port, ok = parseNumber(port); !ok || a.Port == unix.VMADDR_PORT_ANY {
		return Address{}, fmt.Errorf("%q is not a VSOCK port; write a number up to %d", port, uint32(unix.VMADDR_PORT_ANY-1))
	}
	return a, nil
}

// parseNumber reads a number as systemd does: base 8, 16 or 2 after 0 or 0o, 0x and 0b.
// Digits are not grouped there.
func parseNumber(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 0, 32)
	return uint32(n), err == nil && !strings.Contains(text, "_")
}

// Of returns the address in a socket name from the kernel.
func Of(name *unix.SockaddrVM) Address { return Address{CID: name.CID, Port: name.Port} }

// String writes "vsock:2:80", or "vsock::80" where any CID is meant, which Cut and Parse
// read as the same address.
func (a Address) String() string {
	if a.CID == unix.VMADDR_CID_ANY {
		return fmt.Sprintf("vsock::%d", a.Port)
	}
	return fmt.Sprintf("vsock:%d:%d", a.CID, a.Port)
}
