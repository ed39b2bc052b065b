package torture

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A reset is sent once. If bytes before it were dropped for want of room, the other kernel
// does not believe it (RFC 5961, 3.2): it asks, at most twice a second for each socket
// (TCPACKSkippedChallenge in nstat(8)), and if it does not ask it is never told. What its
// kernel does not know the proxy cannot tell. --keepalive= finds out.

// untold tells whether the kernel still takes a connection of a peer for one that goes on,
// though that has closed its socket: the other side of it is open in /proc/net/tcp.
func (e *end) untold() bool {
	if !e.left || !e.tcp || e.port == 0 {
		return false
	}
	const open = "01 04 05 08" // TCP_ESTABLISHED, FIN_WAIT1 and 2, CLOSE_WAIT
	for _, name := range []string{"tcp", "tcp6"} {
		file, err := os.Open("/proc/net/" + name)
		if err != nil {
			continue // no IPv6
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			// sl local rem st ...
			fields := strings.Fields(lines.Text())
			if len(fields) > 3 && strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", e.port)) && strings.Contains(open, fields[3]) &&
				(e.who == client || strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", e.peerPort))) {
				file.Close()
				return true
			}
		}
		file.Close()
	}
	return false
}

// ports are those of a TCP socket and of its peer; 0 of any other.
func ports(fd int) (own, peer int) {
	port := func(name unix.Sockaddr, _ error) int {
		switch name := name.(type) {
		case *unix.SockaddrInet4:
			return name.Port
		case *unix.SockaddrInet6:
			return name.Port
		}
		return 0
	}
	return port(unix.Getsockname(fd)), port(unix.Getpeername(fd))
}
