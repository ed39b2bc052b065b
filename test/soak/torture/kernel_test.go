package torture

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What the kernel knows of the proxy's sockets, for those who ask why: that of an end that
// was never told is in a state that tells whether the kernel had been.

// ports are those of an end's TCP socket; of another family's, they are zero.
type ports struct{ own, peer int }

func portsOf(fd int) (p ports) {
	if own, err := unix.Getsockname(fd); err == nil {
		if own, ok := own.(*unix.SockaddrInet4); ok {
			p.own = own.Port
		}
	}
	if peer, err := unix.Getpeername(fd); err == nil {
		if peer, ok := peer.(*unix.SockaddrInet4); ok {
			p.peer = peer.Port
		}
	}
	return p
}

// tcpStates are in the order of the kernel's net/tcp_states.h.
var tcpStates = [...]string{"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"}

// proxySide is what the kernel has of the proxy's socket at the other end of this one: its
// state, empty if it has none, and its queues.
func (e *end) proxySide() (state, queues string) {
	if e.ports.own == 0 || e.ports.peer == 0 {
		return "", ""
	}
	for _, fields := range table("tcp") {
		if port(fields[1]) == e.ports.peer && port(fields[2]) == e.ports.own {
			n, _ := strconv.ParseUint(fields[3], 16, 8)
			return tcpStates[int(n)%len(tcpStates)], fields[4]
		}
	}
	return "", ""
}

// kernelSays is that for those who read.
func (e *end) kernelSays() string {
	if e == nil || !e.tcp {
		return ""
	}
	if state, queues := e.proxySide(); state != "" {
		return fmt.Sprintf("; the proxy's socket there is in %s, its queues are %s", state, queues)
	}
	return "; the proxy has no socket there"
}

// untold tells that an end has been reset, and that the proxy's kernel does not know. A
// reset is sent once. If bytes before it were dropped for want of room, it is not believed
// (RFC 5961, 3.2): the kernel asks, but each socket at most twice a second
// (TCPACKSkippedChallenge in nstat(8)), and without a question there is no other answer.
// The proxy cannot tell what its kernel does not know; --keepalive= finds out.
func (e *end) untold() bool {
	if !e.reset && !(e.tcp && e.unread) {
		return false
	}
	state, _ := e.proxySide()
	return slices.Contains([]string{"ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT"}, state)
}

// port is that of an address in proc_net_tcp(5).
func port(address string) int {
	_, text, _ := strings.Cut(address, ":")
	n, _ := strconv.ParseUint(text, 16, 16)
	return int(n)
}

// table is a file of the network that the thread is in, without its first line.
func table(family string) (lines [][]string) {
	text, err := os.ReadFile("/proc/thread-self/net/" + family)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 6 && fields[0] != "sl" && fields[0] != "Num" {
			lines = append(lines, fields)
		}
	}
	return lines
}

// socketOf is what the kernel tells of a socket, by its inode.
func socketOf(inode string) string {
	for _, family := range []string{"tcp", "unix"} {
		for _, fields := range table(family) {
			for _, field := range fields {
				if field == inode {
					return family + ": " + strings.Join(fields, " ")
				}
			}
		}
	}
	return "inode " + inode + ", connected to nobody any more"
}
