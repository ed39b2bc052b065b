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
// was never told is in a state that reports whether the kernel had been.

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

// stateOf is that of a line of the table.
func stateOf(fields []string) string {
	n, _ := strconv.ParseUint(fields[3], 16, 8)
	return tcpStates[int(n)%len(tcpStates)]
}

// proxySide is what the kernel has of the proxy's socket at the other end of this one: its
// state, empty if it has none, and its queues.
func (e *end) proxySide() (state, queues string) {
	if e.ports.own == 0 || e.ports.peer == 0 {
		return "", ""
	}
	for _, fields := range table("tcp") {
		if port(fields[1]) == e.ports.peer && port(fields[2]) == e.ports.own {
			return stateOf(fields), fields[4]
		}
	}
	return "", ""
}

// kernelSays is the same for a reader.
func (e *end) kernelSays() string {
	if e == nil || !e.tcp {
		return ""
	}
	if state, queues := e.proxySide(); state != "" {
		return fmt.Sprintf("; the proxy's socket there is in %s, its queues are %s", state, queues)
	}
	return "; the proxy has no socket there"
}

// A reset is sent once. If bytes before it were dropped for want of room, it is not believed
// (RFC 5961, 3.2): the kernel asks, but each socket at most twice a second
// (TCPACKSkippedChallenge in nstat(8)), and without a question there is no other answer.
// The proxy cannot tell what its kernel does not know; --keepalive= finds out. Nor can an
// end be told of the proxy's reset then.

// untold reports whether an end has been reset and the proxy's kernel does not know.
func (e *end) untold() bool {
	if !e.reset && !(e.tcp && e.unread) {
		return false
	}
	state, _ := e.proxySide()
	return slices.Contains(openStates, state)
}

// missedReset tells that the proxy has reset its connection to an end, which would know of
// anything else: nothing of a socket is left there, and this one is still open.
func (e *end) missedReset() bool {
	if !e.tcp || e.left || e.reset || e.tellsBreak() {
		return false
	}
	state, _ := e.proxySide()
	return state == ""
}

// openStates are those in which a socket waits for what its peer does.
var openStates = []string{"ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT"}

// forsaken are those of the proxy's TCP sockets that wait for peers of which the kernel
// knows nothing any more, by inode.
func forsaken() (inodes []string) {
	type link struct{ own, peer string }
	states := make(map[link]string)
	lines := table("tcp")
	for _, fields := range lines {
		states[link{fields[1], fields[2]}] = stateOf(fields)
	}
	for _, fields := range lines {
		_, known := states[link{fields[2], fields[1]}]
		if !known && slices.Contains(openStates, stateOf(fields)) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
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

// socketOf returns what the kernel says about a socket, by its inode.
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
