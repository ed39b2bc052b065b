package activation

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// boundPath is a socket file that this process created, so that it can be told
// from a newer file at the same path.
type boundPath struct {
	path string
	id   fileID
}

// fileID identifies a file for as long as the file exists (inode(7)).
type fileID struct {
	dev, ino uint64
}

// bindPath binds the socket fd to a path and returns the file that it
// created. A stale socket file is replaced, see [removeStale].
func bindPath(fd int, path string) (*boundPath, error) {
	address := &unix.SockaddrUnix{Name: path}
	err := unix.Bind(fd, address)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		err = unix.Bind(fd, address)
	}
	if err != nil {
		return nil, fmt.Errorf("bind: %w; %s", err, remedy(unix.AF_UNIX, err))
	}
	id, err := socketFile(path)
	if err != nil {
		return nil, err
	}
	return &boundPath{path: path, id: id}, nil
}

// remove removes the file unless it is gone or has been replaced. A nil
// receiver stands for no file.
func (b *boundPath) remove() error {
	if b == nil {
		return nil
	}
	id, err := socketFile(b.path)
	if err != nil || id != b.id {
		return nil // not ours any more
	}
	if err := unix.Unlink(b.path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing %s: %w", b.path, err)
	}
	return nil
}

// removeStale removes the socket file that a process left behind when it ended
// without cleaning up. It refuses files that are not sockets, and sockets on which
// another process listens: systemd removes those too, but it owns the paths of its units,
// and a mistyped --listen= must not cut off another service.
//
// The kernel has no "unlink if stale". Comparing the file before and after the
// probe narrows the gap in which another process may take the path.
func removeStale(path string) error {
	before, err := socketFile(path)
	if errors.Is(err, unix.ENOENT) {
		return nil // its owner removed it meanwhile
	}
	if err != nil {
		return err
	}
	if err := probeStale(path); err != nil {
		return err
	}
	if after, err := socketFile(path); err != nil || after != before {
		return errors.New("another process is creating the socket file; choose another path or stop that process")
	}
	if err := unix.Unlink(path); err != nil {
		return fmt.Errorf("removing the stale socket file: %w; check the directory's permissions", err)
	}
	return nil
}

// probeStale returns nil if the kernel says that nobody listens on the socket
// file. The probe never waits: it is non-blocking, and EAGAIN means a live
// listener with a full queue (connect(2), unix(7)).
func probeStale(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()

	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return nil
	case err == nil, errors.Is(err, unix.EAGAIN):
		return pathInUse("another process listens on this path; stop it or choose another path")
	case errors.Is(err, unix.EPROTOTYPE):
		return errors.New("another process uses this path for a socket of another type; stop it or choose another path")
	}
	return fmt.Errorf("cannot tell whether another process listens on this path: %w; "+
		"remove the file if it is left over", err)
}

// pathInUse is the equivalent of EADDRINUSE: another process listens there.
type pathInUse string

func (e pathInUse) Error() string        { return string(e) }
func (e pathInUse) Is(target error) bool { return target == unix.EADDRINUSE }

// socketFile identifies the socket file at path. Symbolic links are not
// followed, as bind(2) does not follow them either.
func socketFile(path string) (fileID, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return fileID{}, fmt.Errorf("lstat: %w", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fileID{}, fmt.Errorf("the path is taken by %s; choose another path or move it away", fileKind(stat.Mode))
	}
	return fileID{dev: uint64(stat.Dev), ino: stat.Ino}, nil
}
