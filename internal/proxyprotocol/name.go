package proxyprotocol

import (
	"net"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

// AddressOf is a socket's name as headers have it; nil if there is none.
func AddressOf(name unix.Sockaddr) net.Addr {
	switch name := name.(type) {
	case nil:
		return nil
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: name.Addr[:], Port: name.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: name.Addr[:], Port: name.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Net: "unix", Name: printedName(name.Name)}
	case *unix.SockaddrVM:
		return Other(vsock.Of(name).String())
	}
	return Other("an address of another family")
}

// printedName undoes how package unix prints names: that of an unnamed socket as "@",
// and the zero byte that an abstract one begins with as "@" too.
func printedName(printed string) string {
	switch {
	case printed == "@":
		return ""
	case printed != "" && printed[0] == '@':
		return "\x00" + printed[1:]
	}
	return printed
}
