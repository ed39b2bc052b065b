package target

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	offsetPath = 2 // of sun_path in struct sockaddr_un, unix(7)

	// maxPath is how many bytes a path can have: sun_path less the NUL at its
	// end.
	maxPath = unix.SizeofSockaddrUnix - offsetPath - 1
	// maxName is how many bytes can follow the '@': sun_path less the NUL that
	// starts an abstract name. It needs none at its end; the original keeps room
	// for one and so allows one byte less.
	maxName = maxPath
)

// FromUnix returns the address of a UNIX socket: an absolute path, or '@' and a name in
// the abstract namespace.
func FromUnix(path string) (Address, error) {
	switch {
	case strings.IndexByte(path, 0) >= 0:
		return Address{}, errors.New("contains a NUL byte; a UNIX socket address cannot contain one")
	case strings.HasPrefix(path, "@"):
		return fromAbstract(path[1:])
	case strings.HasPrefix(path, "/"):
		return fromPath(path)
	}
	return Address{}, errors.New("not a UNIX socket address; write /PATH or @NAME")
}

func fromPath(path string) (Address, error) {
	if path == "/" {
		return Address{}, errors.New("the root directory is not a socket; write /PATH")
	}
	if len(path) > maxPath {
		return Address{}, fmt.Errorf("path of %d bytes, the limit is %d; move the socket or use a symbolic link", len(path), maxPath)
	}
	a := newAddress(unix.AF_UNIX, offsetPath+len(path)+1)
	copy(a.raw[offsetPath:], path)
	return a, nil
}

// fromAbstract counts the bytes of the name exactly: in the abstract namespace
// a trailing NUL would be part of the name.
func fromAbstract(name string) (Address, error) {
	if name == "" {
		return Address{}, errors.New("empty abstract name; write @NAME")
	}
	if len(name) > maxName {
		return Address{}, fmt.Errorf("abstract name of %d bytes, the limit is %d; choose a shorter name", len(name), maxName)
	}
	a := newAddress(unix.AF_UNIX, offsetPath+1+len(name))
	copy(a.raw[offsetPath+1:], name)
	return a, nil
}

// unixPath returns the text that FromUnix was given.
func (a Address) unixPath() string {
	path := a.raw[offsetPath:a.length]
	if path[0] == 0 {
		return "@" + string(path[1:])
	}
	return string(path[:len(path)-1])
}
