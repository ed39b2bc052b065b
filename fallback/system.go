package fallback

import (
	"math"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the data path. None of them waits (but for poll), so they
// go past the Go scheduler, which would otherwise be told twice for each.

// recv receives into block.
func recv(fd int, block []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&block[0])), uintptr(len(block)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// send sends block, or the first part of it.
func send(fd int, block []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&block[0])), uintptr(len(block)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// rawWait is how long a wait keeps the Go scheduler out before it lets it in:
// longer than the gap between two messages of a connection in use, shorter than
// sysmon's 10 ms, after which the runtime would signal the thread.
const rawWait = 2 * time.Millisecond

// poll waits for events, for at most timeout, or for ever if that is negative. It
// may return early with none.
func poll(epoll int, events []unix.EpollEvent, timeout time.Duration) (int, error) {
	first := rawWait
	if timeout >= 0 {
		first = min(first, timeout)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(milliseconds(first)), 0, 0)
	if errno == 0 && n == 0 && first != timeout {
		rest, err := unix.EpollWait(epoll, events, milliseconds(timeout))
		if err == unix.EINTR {
			return 0, nil
		}
		return rest, err
	}
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	if errno != 0 {
		n = 0
	}
	return int(n), nil
}

// longestWait is what epoll_wait(2), which counts in an int, can wait: 24 days.
const longestWait = math.MaxInt32 * time.Millisecond

// milliseconds rounds up, so that a wait does not end before its time.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((min(d, longestWait) + time.Millisecond - 1) / time.Millisecond)
}
