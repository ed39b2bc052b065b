package activation

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fastOpenQueue is how many clients that sent bytes with their connect may be waiting for
// the confirmation of their address. Any more connect as usual: an attacker who has learnt
// cookies could send such packets in the name of others.
const fastOpenQueue = 256

// FastOpen lets clients send their first bytes with the connect (TCP_FASTOPEN, RFC 7413),
// if the sysctl net.ipv4.tcp_fastopen allows that for servers. A socket of the service
// manager keeps the setting after this process has ended. For sockets other than TCP it
// does nothing.
func (l *Listener) FastOpen() error {
	if l.Family != unix.AF_INET && l.Family != unix.AF_INET6 {
		return nil
	}
	if err := unix.SetsockoptInt(l.FD, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, fastOpenQueue); err != nil {
		return fmt.Errorf("listener %s: TCP_FASTOPEN: %w", l.Address, err)
	}
	return nil
}
