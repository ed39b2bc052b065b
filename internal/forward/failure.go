package forward

import "syscall"

// Gone tells of an error in sending that the destination has left. What it sent before
// may still be on its way to us, so the opposite half goes on until it ends by itself.
// After any other error the destination may be there and wait, so both halves are over.
//
// Of a connect it tells that the target took the connection and reset it at once:
// whoever refuses one causes ECONNREFUSED (tcp_reset in the kernel's net/ipv4/tcp_input.c).
func Gone(errno syscall.Errno) bool { return errno == syscall.EPIPE || errno == syscall.ECONNRESET }
