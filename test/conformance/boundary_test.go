package conformance

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
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
	{
		Name:   "boundary/urgent-under-signals",
		Shows:  "TCP urgent data that arrives while the program gets signals does not alter the bytes of others",
		Except: notOriginal("as the case before shows, the connection stalls at the urgent byte"),
		Run:    func(t *testing.T, p *harness.Program) { urgentUnderSignals(t, without(p, "-recv-multishot")) },
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

// urgentUnderSignals has receives stop at urgent data while a signal is pending. The kernel
// says again and again then that there is something, and that there is nothing, until it
// gives the receive to a thread of its own.
func urgentUnderSignals(t *testing.T, p *harness.Program) {
	const urgents, others, rounds = 3, 3, 500
	seed := harness.Seed(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	done := make(chan struct{})
	var storm, clients sync.WaitGroup
	storm.Go(func() { storming(t, proxy, done) })
	for i := range urgents + others {
		client := proxy.Dial(t)
		clients.Go(func() {
			for round := range rounds {
				if i < urgents {
					client.SendText("before")
					client.SendOutOfBand('!')
					client.SendText("after")
					client.ExpectText("before!after")
				} else if err := patternExchange(client, seed+uint64(round), 700, uint64(i), uint64(i)); err != nil {
					t.Errorf("round %d of client %d: %v", round, i, err)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
	clients.Wait()
	close(done)
	storm.Wait()
}

// storming sends signals to all threads of a program until done.
func storming(t *testing.T, proxy *harness.Proxy, done <-chan struct{}) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", proxy.PID()))
	if err != nil {
		t.Error(err)
	}
	for {
		for _, thread := range threads {
			select {
			case <-done:
				return
			default:
			}
			id, err := strconv.Atoi(thread.Name())
			if err == nil {
				err = unix.Tgkill(proxy.PID(), id, unix.SIGURG) // as Go's runtime does
			}
			if err != nil && err != unix.ESRCH {
				t.Error(err)
				return
			}
		}
	}
}
