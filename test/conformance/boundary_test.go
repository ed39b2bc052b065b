package conformance

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Cases in which a read stops before it has taken all that is there.
var boundaryCases = []Case{
	{
		Name:  "boundary/passed-descriptors",
		Shows: "bytes sent with descriptors arrive without them, along with everything sent before and after",
		Run:   passedDescriptors,
	},
	{
		Name:   "boundary/urgent-in-a-batch",
		Shows:  "TCP urgent data and the bytes after it arrive even if everything was there before the program looked",
		Except: original("the connection stalls at the urgent byte"),
		Run:    urgentInABatch,
	},
}

// whilePaused lets what is sent pile up in front of the program, so that it meets
// all at once.
func whilePaused(t *testing.T, proxy *harness.Proxy, send func()) {
	t.Helper()
	proxy.Pause()
	send()
	proxy.Signal(syscall.SIGCONT)
}

func passedDescriptors(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target())
	client, far := join(t, proxy, accepted)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	rights := unix.UnixRights(int(null.Fd()))
	whilePaused(t, proxy, func() {
		for i := range 8 {
			with := rights
			if i%2 == 1 {
				with = nil
			}
			if _, _, err := client.Conn.(*net.UnixConn).WriteMsgUnix(fmt.Appendf(nil, "%d", i), with, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	far.ExpectText("01234567")
	far.SendText("all")
	client.ExpectText("all")
}

func urgentInABatch(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client, far := join(t, proxy, accepted)
	whilePaused(t, proxy, func() {
		client.SendText("before")
		client.SendOutOfBand('!')
		client.SendText("after")
		client.AwaitDelivered()
	})
	far.ExpectText("before")
	if !p.IsOurs() {
		harness.Stays(t, "stalled", settle, func() bool { return far.Readable() == 0 })
		return
	}
	if p == harness.Epoll {
		far.ExpectText("!after")
		return
	}
	// With a signal pending, as SIGCONT may still be, the kernel reports a
	// stream that stands at urgent data as empty (tcp_recvmsg_locked), and
	// io_uring waits for what comes next.
	client.SendText(", more")
	far.ExpectText("!after, more")
}
