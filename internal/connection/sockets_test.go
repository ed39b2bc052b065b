package connection

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Sockets as the kernel may have them: what each call says comes of the seed.

func (f *fake) mustBeOpen(fd int) {
	if f.open[fd] == "" {
		f.t.Fatalf("a call on descriptor %d, which is not open", fd)
	}
}

// one returns one of several errors.
func (f *fake) one(errnos ...syscall.Errno) syscall.Errno { return errnos[f.rng.IntN(len(errnos))] }

func (f fakeSockets) Tune(fd, _ int) { f.mustBeOpen(fd) }
func (f fakeSockets) Fit(fd, _ int, _ socket.Outfit) error {
	f.mustBeOpen(fd)
	switch {
	case f.chance(20):
		return unix.EADDRNOTAVAIL
	case f.chance(20):
		return errClientLeft
	}
	return nil
}

func (f fakeSockets) Open(int, int) (int, error) {
	if f.short > 0 || f.chance(20) {
		f.short--
		return NoFD, unix.EMFILE
	}
	return f.socket("target"), nil
}

func (f fakeSockets) Reserve(int) (int, error) {
	if f.chance(10) {
		return NoFD, unix.EMFILE
	}
	return f.socket("reserve"), nil
}

// fakeSockets are the sockets of a fake.
type fakeSockets struct{ *fake }

func (f fakeSockets) Connect(fd int, _ []byte) syscall.Errno {
	f.mustBeOpen(fd)
	if f.chance(3) {
		return f.one(unix.EAGAIN, unix.EAGAIN, unix.ECONNREFUSED, unix.ENOENT)
	}
	return 0
}

func (f fakeSockets) ConnectWith(fd int, first []byte, _ unix.Sockaddr) (int, syscall.Errno) {
	f.mustBeOpen(fd)
	if f.chance(4) {
		return 0, f.one(unix.EINPROGRESS, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ENOBUFS)
	}
	return 1 + f.rng.IntN(len(first)), 0
}

func (f fakeSockets) MetItself(fd int, _ netip.AddrPort) bool { f.mustBeOpen(fd); return f.chance(20) }

// CloseApart closes later.
func (f fakeSockets) CloseApart(fds []int, done func()) {
	f.closings = append(f.closings, func() {
		for _, fd := range fds {
			f.Close(fd)
		}
		done()
	})
}

// Recv tells of a header in pieces, or of something else.
func (f fakeSockets) Recv(fd int, block []byte) (int, syscall.Errno) {
	f.mustBeOpen(fd)
	switch {
	case f.chance(8):
		return 0, f.one(0, unix.EAGAIN, unix.EINTR, unix.ECONNRESET)
	case f.chance(8):
		return copy(block, "GET / HTTP/1.1\r\n"), 0
	}
	return copy(block, "PROXY UNKNOWN\r\nmore"), 0
}

func (f fakeSockets) Peek(fd int, block []byte) (int, syscall.Errno) {
	f.mustBeOpen(fd)
	if f.chance(8) {
		return 0, f.one(0, unix.EAGAIN, unix.EINTR, unix.ECONNRESET)
	}
	return min(len(block), 7), 0
}

// The test moves bytes and descriptors itself.
func (f fakeSockets) Splice(int, int, int) (int, syscall.Errno) { return 0, unix.EAGAIN }
func (f fakeSockets) Receive(int, []byte) (int, []int, error)   { return 0, nil, unix.EAGAIN }
func (f fakeSockets) SendWith(int, []byte, []int) (int, error)  { return 0, unix.EAGAIN }

func (f fakeSockets) Prepare(fd int)      { f.mustBeOpen(fd) }
func (f fakeSockets) Pending(fd int) bool { f.mustBeOpen(fd); return f.chance(2) }
func (f fakeSockets) Names(fd int) (local, peer unix.Sockaddr) {
	return &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}, Port: 80}, f.Peer(fd)
}
func (f fakeSockets) Peer(fd int) unix.Sockaddr {
	f.mustBeOpen(fd)
	if f.chance(10) {
		return nil
	}
	return &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 2}, Port: 1}
}

func (f fakeSockets) Events(fd int, asked int16) int16 {
	f.mustBeOpen(fd)
	if f.lucky {
		return f.saying
	}
	return asked * int16(f.rng.IntN(2))
}
func (f fakeSockets) Closed(fd int) bool               { f.mustBeOpen(fd); return !f.chance(4) }
func (f fakeSockets) Unsent(fd int) int                { f.mustBeOpen(fd); return f.rng.IntN(2) }
func (f fakeSockets) Unanswered(fd int) (bool, uint32) { f.mustBeOpen(fd); return f.chance(8), 1 << 20 }
func (f fakeSockets) ShutdownRead(fd int)              { f.mustBeOpen(fd) }
func (f fakeSockets) ShutdownWrite(fd int)             { f.mustBeOpen(fd) }
func (f fakeSockets) ResetOnClose(fd int)              { f.mustBeOpen(fd) }
