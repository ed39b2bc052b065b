package activation

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// needStream ends every refusal: it names the setting of systemd.socket(5) that decides.
const needStream = "need a stream socket that listens or is connected: set ListenStream="

// inspect checks that every offered descriptor is one that we can accept connections
// from, or a connection. The error names the first that is not.
//
// It only looks and takes nothing. If $LISTEN_FDS promises more than was passed,
// the numbers after the last one may belong to the Go runtime, which does not
// survive losing its own descriptors.
func (o offer) inspect() error {
	for i := range o.count {
		fd := firstDescriptor + i
		if fault := inspectDescriptor(fd); fault != "" {
			return fmt.Errorf("file descriptor %d (%q) %s", fd, o.name(i), fault)
		}
	}
	return nil
}

// inspectDescriptor returns what is wrong with fd, or "". It checks what sd_is_socket(3)
// checks, but one thing at a time, so that it can say what failed.
func inspectDescriptor(fd int) string {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Sprintf("cannot be used (%v): $LISTEN_FDS names more descriptors than were passed", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return "is " + fileKind(stat.Mode) + ", " + needStream
	}
	return inspectSocket(fd)
}

func inspectSocket(fd int) string {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return fmt.Sprintf("cannot be examined: SO_TYPE: %v", err)
	}
	if kind != unix.SOCK_STREAM {
		return "is " + socketKind(kind) + ", " + needStream
	}
	listens, err := listening(fd)
	if err != nil {
		return fmt.Sprintf("cannot be examined: %v", err)
	}
	if !listens && !hasBeenConnected(fd) {
		return "is a stream socket that does not listen and is not connected, " + needStream
	}
	return inspectFamily(fd)
}

// listening reports whether a socket is one to accept connections from.
func listening(fd int) (bool, error) {
	on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return false, fmt.Errorf("SO_ACCEPTCONN: %w", err)
	}
	return on != 0, nil
}

func inspectFamily(fd int) string {
	family, err := socketFamily(fd)
	if err != nil {
		return fmt.Sprintf("cannot be examined: %v", err)
	}
	switch family {
	case unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_VSOCK:
		return ""
	}
	return fmt.Sprintf("is a socket of address family %d, need IPv4, IPv6, UNIX or VSOCK: change ListenStream=", family)
}

// socketFamily returns the address family of the socket fd, AF_INET and so on.
func socketFamily(fd int) (int, error) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return 0, fmt.Errorf("SO_DOMAIN: %w", err)
	}
	return family, nil
}

func socketKind(kind int) string {
	switch kind {
	case unix.SOCK_DGRAM:
		return "a datagram socket"
	case unix.SOCK_SEQPACKET:
		return "a sequential packet socket"
	case unix.SOCK_RAW:
		return "a raw socket"
	}
	return fmt.Sprintf("a socket of type %d", kind)
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a regular file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFCHR:
		return "a character device"
	case unix.S_IFBLK:
		return "a block device"
	case unix.S_IFLNK:
		return "a symbolic link"
	}
	return "not a socket" // epoll, eventfd and the like have no file type
}
