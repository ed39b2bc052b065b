package socket

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnsentEnd has a stream end whose peer's kernel takes its time to acknowledge that
// (delayed acknowledgements), or does so at once: nothing is unsent either way.
func TestUnsentEnd(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	unacknowledged := false
	for range 20 {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		file, err := c.(*net.TCPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		fd := int(file.Fd())
		// The peer has something to acknowledge with its next bytes, for which it waits.
		for range 4 {
			for from, to := range map[net.Conn]net.Conn{c: peer, peer: c} {
				if _, err := from.Write([]byte{1}); err != nil {
					t.Fatal(err)
				}
				if _, err := to.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for until := time.Now().Add(10 * time.Second); (System{}).Unsent(fd) > 0 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		waiting, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		if n := (System{}).Unsent(fd); err != nil || n != 0 {
			t.Errorf("%d bytes are unsent (%v)", n, err)
		}
		unacknowledged = unacknowledged || waiting == 1
		file.Close()
		c.Close()
		peer.Close()
	}
	if !unacknowledged {
		t.Log("each end was acknowledged at once")
	}
}
