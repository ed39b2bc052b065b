// Package network makes network namespaces for a test, joins them by virtual Ethernet
// links, and makes the links lose, delay and reorder packets. It uses netlink for all of
// this, so it works without the ip, tc and nft commands.
//
// A namespace has no name and no process of its own: it disappears, with its end of
// each link, when the test has closed it and no sockets are left in it.
package network

import (
	"errors"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace.
type Namespace struct {
	Name   string // for messages
	handle netns.NsHandle
	route  *netlink.Handle // for links, addresses and queueing disciplines
}

// New makes a namespace, with its loopback up, for as long as the test runs. It
// skips the test where that takes privileges that it lacks.
func New(t testing.TB, name string) *Namespace {
	t.Helper()
	n := &Namespace{Name: name}
	if err := aside(n.create); errors.Is(err, unix.EPERM) {
		t.Skip("making network namespaces needs root")
	} else if err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	t.Cleanup(func() { n.handle.Close() })
	var err error
	if n.route, err = netlink.NewHandleAt(n.handle, unix.NETLINK_ROUTE); err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	t.Cleanup(n.route.Close)
	loopback, err := n.route.LinkByName("lo")
	if err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	if err := n.route.LinkSetUp(loopback); err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	return n
}

func (n *Namespace) create() (err error) {
	n.handle, err = netns.New()
	return err
}

// aside calls f on a thread of its own, which ends with it: no other goroutine ever
// finds itself in another namespace. A goroutine that ends while it is locked to
// its thread takes the thread along.
func aside(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// Do calls f in the namespace: sockets that f opens and programs that it starts
// belong there, wherever they are used later. If f ends the test, Do does.
func (n *Namespace) Do(t testing.TB, f func()) {
	t.Helper()
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked; see aside
		if err := netns.Set(n.handle); err != nil {
			t.Errorf("entering namespace %s: %v", n.Name, err)
			return
		}
		f()
		returned = true
	}()
	<-done
	if !returned {
		runtime.Goexit()
	}
}
