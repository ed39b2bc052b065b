package connection

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// errTimedOut is why a lookup was given up.
var errTimedOut = errors.New("resolving it took longer than the connect timeout")

// Dial goes through the addresses of a connection's target: each is tried in order until one
// answers.
type Dial struct {
	addresses []target.Address // shared, read only
	partial   bool             // others may be found
	next      int
	failed    []report.Attempt
}

// Extend adds what has been looked up, if it is not there yet.
func (d *Dial) Extend(found resolver.Answer) {
	d.partial = found.Partial
	if d.addresses == nil {
		d.addresses = found.Addresses
		return
	}
	addresses := slices.Clip(d.addresses)
	for _, address := range found.Addresses {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	d.addresses = addresses
}

// Partial tells that a lookup of the whole target may find more addresses.
func (d *Dial) Partial() bool { return d.partial }

// Next is the address to try now, nil if all have been tried.
func (d *Dial) Next() *target.Address {
	if d.next == len(d.addresses) {
		return nil
	}
	d.next++
	return &d.addresses[d.next-1]
}

// Begun tells that there are addresses to try.
func (d *Dial) Begun() bool { return d.addresses != nil }

// Last is the address that was tried last; nil if none was.
func (d *Dial) Last() *target.Address {
	if d.next == 0 {
		return nil
	}
	return d.Current()
}

// Again makes Next return the address being tried once more.
func (d *Dial) Again() { d.next-- }

// Current is the address being tried.
func (d *Dial) Current() *target.Address { return &d.addresses[d.next-1] }

// Fail notes that the address being tried could not be reached.
func (d *Dial) Fail(err error) {
	d.failed = append(d.failed, report.Attempt{Address: *d.Current(), Err: err})
}

// Taken tells of an error in connecting that the target took the connection and reset it
// at once: whoever refuses one causes ECONNREFUSED (tcp_reset in the kernel's
// net/ipv4/tcp_input.c). With VSOCK a refusal is an ECONNRESET as well, and taken for one.
func (d *Dial) Taken(errno syscall.Errno) bool {
	return socket.Gone(errno) && d.Current().Family != unix.AF_VSOCK
}
