package harness

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
)

// Conn is one end of a connection, in the test's hands. Its methods fail the
// test, so that a script of them reads like what is to happen. They are also
// used on goroutines other than the test's, hence Errorf; after a failure the
// rest of a script fails too.
type Conn struct {
	net.Conn
	t        testing.TB
	released <-chan struct{} // of a server's: closed when the server ends
}

// lifetime bounds every connection, so that a lost byte ends a test instead of
// hanging it.
var lifetime = 3 * Patience

func newConn(t testing.TB, c net.Conn) *Conn {
	c.SetDeadline(time.Now().Add(lifetime))
	return &Conn{Conn: c, t: t}
}

// Dial connects to an address. The connection is closed with the test.
func Dial(t testing.TB, a Address) *Conn {
	t.Helper()
	return DialWith(t, a, SocketOptions{})
}

// DialWith connects with socket options set beforehand.
func DialWith(t testing.TB, a Address, options SocketOptions) *Conn {
	t.Helper()
	c, err := TryDial(a, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newConn(t, c)
}

// DialUntilReset connects, and returns nil if the connection was reset before this process
// heard that it was there: to a machine with much else to do that is a failed connect.
func DialUntilReset(t testing.TB, a Address) *Conn {
	t.Helper()
	c, err := TryDial(a, SocketOptions{})
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newConn(t, c)
}

// TryDial connects, where failing may be right.
func TryDial(a Address, options SocketOptions) (net.Conn, error) {
	if a.Network == networkVSOCK {
		return dialVSOCK(a)
	}
	dialer := net.Dialer{Timeout: Patience, Control: options.control, LocalAddr: options.From}
	c, err := dialer.Dial(a.Network, a.Text)
	if err == nil {
		figures.Count("connections", 1)
	}
	return c, err
}

// Send writes all of data.
func (c *Conn) Send(data []byte) {
	c.t.Helper()
	if _, err := c.Write(data); err != nil {
		c.t.Errorf("sending %d bytes: %v", len(data), err)
	}
}

// SendText writes a string.
func (c *Conn) SendText(s string) {
	c.t.Helper()
	c.Send([]byte(s))
}

// Expect reads exactly want.
func (c *Conn) Expect(want []byte) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if err != nil {
		c.t.Errorf("after %d of %d bytes: %v", n, len(want), err)
	} else if !bytes.Equal(got, want) {
		c.t.Errorf("%d bytes arrived altered, from byte %d on", len(want), firstDifference(got, want))
	}
}

// ExpectText reads exactly a string.
func (c *Conn) ExpectText(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if err != nil || string(got) != want {
		c.t.Errorf("received %q, want %q (%v)", got[:n], want, err)
	}
}

// ExpectEnd reads the end of the stream.
func (c *Conn) ExpectEnd() {
	c.t.Helper()
	if n, err := c.Read(make([]byte, 64)); n != 0 || err != io.EOF {
		c.t.Errorf("read %d bytes and %v, want the end of the stream", n, err)
	}
}

// ExpectReset reads a reset.
func (c *Conn) ExpectReset() {
	c.t.Helper()
	if n, err := c.Read(make([]byte, 64)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		c.t.Errorf("read %d bytes and %v, want a reset", n, err)
	}
}

// ExpectGone reads an end of either kind: the connection is no more.
func (c *Conn) ExpectGone() {
	c.t.Helper()
	if n, err := c.Read(make([]byte, 64)); n != 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Errorf("read %d bytes and %v, want the connection gone", n, err)
	}
}

// ReadAll reads to the end of the stream.
func (c *Conn) ReadAll() []byte {
	c.t.Helper()
	data, err := io.ReadAll(c)
	if err != nil {
		c.t.Errorf("after %d bytes: %v", len(data), err)
	}
	return data
}

// EndWriting half-closes: the peer reads the end, and may still send.
func (c *Conn) EndWriting() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Errorf("closing the write side: %v", err)
	}
}

// Reset closes a TCP connection with a reset instead of an end.
func (c *Conn) Reset() {
	c.t.Helper()
	if err := errors.Join(c.Conn.(*net.TCPConn).SetLinger(0), c.Close()); err != nil {
		c.t.Errorf("resetting: %v", err)
	}
}

// AwaitDelivered waits until the peer's kernel has acknowledged all that was
// sent, so that a reset cannot overtake it.
func (c *Conn) AwaitDelivered() {
	c.t.Helper()
	Until(c.t, "the peer's kernel to take what was sent", func() bool {
		pending := -1
		c.Control(func(fd int) (err error) {
			pending, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			return err
		})
		return pending == 0
	})
}

// SendOutOfBand sends one byte of TCP urgent data.
func (c *Conn) SendOutOfBand(b byte) {
	c.t.Helper()
	c.Control(func(fd int) error { return unix.Sendto(fd, []byte{b}, unix.MSG_OOB, nil) })
}

// Control calls f with the descriptor.
func (c *Conn) Control(f func(fd int) error) {
	c.t.Helper()
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	var failed error
	if err := errors.Join(raw.Control(func(fd uintptr) { failed = f(int(fd)) }), failed); err != nil {
		c.t.Fatal(err)
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Readable is the number of bytes that have arrived and are not yet read.
func (c *Conn) Readable() (n int) {
	c.t.Helper()
	c.Control(func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err
	})
	return n
}

// AwaitReadable waits until something has arrived that is not yet read. It looks at it:
// of VSOCK, older kernels do not tell how much there is.
func (c *Conn) AwaitReadable() {
	c.t.Helper()
	Until(c.t, "something to arrive", func() bool {
		n := 0
		c.Control(func(fd int) error {
			n, _, _ = unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) // n is -1 after an error
			return nil
		})
		return n > 0
	})
}
