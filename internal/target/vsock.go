package target

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

// Offsets in struct sockaddr_vm, vsock(7), both in native byte order.
const (
	offsetVsockPort = 4
	offsetCID       = 8
)

// fromVsock returns the address of a VSOCK socket to connect to.
func fromVsock(to vsock.Address) (Address, error) {
	if to.CID == unix.VMADDR_CID_ANY {
		return Address{}, errors.New("no CID to connect to; write that of the machine, host or a number")
	}
	a := newAddress(unix.AF_VSOCK, unix.SizeofSockaddrVM)
	binary.NativeEndian.PutUint32(a.raw[offsetVsockPort:], to.Port)
	binary.NativeEndian.PutUint32(a.raw[offsetCID:], to.CID)
	return a, nil
}

// VSOCK returns the address of a VSOCK socket, which a must be.
func (a Address) VSOCK() vsock.Address {
	return vsock.Address{
		CID:  binary.NativeEndian.Uint32(a.raw[offsetCID:]),
		Port: binary.NativeEndian.Uint32(a.raw[offsetVsockPort:]),
	}
}

// cutVsock finds CID:PORT in a target that is written as the address of a VSOCK socket.
// vsock:80 is not one, but still a port of a host of that name.
func cutVsock(text string) (cidPort string, ok bool) {
	cidPort, ok = vsock.Cut(text)
	return cidPort, ok && strings.Contains(cidPort, ":")
}

func (t *Target) parseVsock(cidPort string) error {
	to, err := vsock.Parse(cidPort)
	if err != nil {
		return err
	}
	address, err := fromVsock(to)
	t.literal = []Address{address}
	return err
}

// Family says how to read a target, as in --family=.
type Family string

const (
	// Auto reads it as what it looks like.
	Auto Family = "auto"
	// VSOCK reads it as CID:PORT of a VSOCK socket.
	VSOCK Family = "vsock"
)

// Parse is like the function Parse, for a target of the family.
func (f Family) Parse(s string) (Target, error) {
	t := Target{text: s, family: f}
	if err := t.parse(); err != nil {
		return Target{}, fmt.Errorf("target %q: %w", s, err)
	}
	return t, nil
}
