package activation

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fastOpenQueue is how many clients may have sent bytes with their connect whose address
// has not been confirmed yet. Those beyond connect as usual: whoever has learnt cookies
// could send such packets in the name of others.
const fastOpenQueue = 256

// FastOpen lets clients send their first bytes with the connect (TCP_FASTOPEN, RFC 7413),
// if the sysctl net.ipv4.tcp_fastopen allows that for servers. A socket of the service
// manager's keeps the setting after us. For sockets that are not
// TCP's it does nothing.
func (l *Listener) FastOpen() error {
	if l.Family != unix.AF_INET && l.Family != unix.AF_INET6 {
		return nil
	}
	if err := unix.SetsockoptInt(l.FD, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, fastOpenQueue); err != nil {
		return fmt.Errorf("listener %s: TCP_FASTOPEN: %w", l.Address, err)
	}
	return nil
}
