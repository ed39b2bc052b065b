package forward

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Gone tells of an error in sending that the destination has left. What it sent before
// may still be on its way to us, so the opposite half goes on until it ends by itself.
// After any other error the destination may be there and wait, so both halves are over.
func Gone(errno syscall.Errno) bool { return errno == syscall.EPIPE || errno == syscall.ECONNRESET }

// Taken tells of an error in connecting that the target took the connection and reset it
// at once: whoever refuses one causes ECONNREFUSED (tcp_reset in the kernel's
// net/ipv4/tcp_input.c). With VSOCK a refusal is an ECONNRESET as well, and taken for one.
func (d *Dial) Taken(errno syscall.Errno) bool {
	return Gone(errno) && d.Current().Family != unix.AF_VSOCK
}
