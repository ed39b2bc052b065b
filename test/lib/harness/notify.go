package harness

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Notify is a service manager's notify socket.
type Notify struct {
	Path     string
	messages chan string // each assignment of each datagram
}

// NewNotify opens a notify socket.
func NewNotify(t testing.TB) *Notify {
	t.Helper()
	path := filepath.Join(ShortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	n := &Notify{Path: path, messages: make(chan string, 4096)}
	go func() {
		defer close(n.messages)
		buffer := make([]byte, 4096)
		for {
			size, err := conn.Read(buffer)
			if err != nil {
				return
			}
			for _, line := range strings.Split(strings.TrimSuffix(string(buffer[:size]), "\n"), "\n") {
				n.messages <- line
			}
		}
	}()
	t.Cleanup(func() { conn.Close() })
	return n
}

// Environment is what a program is told about the socket.
func (n *Notify) Environment() string { return "NOTIFY_SOCKET=" + n.Path }

// Await waits for a message and drops those before it.
func (n *Notify) Await(t testing.TB, want string) {
	t.Helper()
	n.await(t, want, func(got string) bool { return got == want })
}

// AwaitPrefix is Await for how a message begins.
func (n *Notify) AwaitPrefix(t testing.TB, want string) {
	t.Helper()
	n.await(t, want, func(got string) bool { return strings.HasPrefix(got, want) })
}

func (n *Notify) await(t testing.TB, want string, is func(string) bool) {
	t.Helper()
	timeout := time.After(Patience)
	for {
		select {
		case got := <-n.messages:
			if is(got) {
				return
			}
		case <-timeout:
			t.Fatalf("no %q on the notify socket within %v", want, Patience)
		}
	}
}

// Pending takes what has come in and was not awaited.
func (n *Notify) Pending() []string {
	var all []string
	for {
		select {
		case got := <-n.messages:
			all = append(all, got)
		default:
			return all
		}
	}
}
