package conformance

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// Ends that the kernel hides: docs/kernel-claims.md.
var lostEndCases = []Case{
	{
		Name:   "end/unix-stream",
		Shows:  "the end of a UNIX stream right after its last bytes is passed on, every one of some thousand times",
		Except: notOriginal("it closes at the first end"),
		Run:    overCrews(endsOfUnixStreams),
	},
	{
		Name:   "end/reset-beside-a-send",
		Shows:  "a client's reset while its reply is on the way reaches the target as a reset, not as an end",
		Except: notOriginal("it turns each reset into an end"),
		Run:    overCrews(resetsBesideSends),
	},
	{
		Name:   "end/reset-in-a-splice",
		Shows:  "when a peer disappears in the middle of a stream to it, the other side sees a reset, not an end",
		Except: notOriginal("it turns each reset into an end"),
		Run:    overEach(directions, direction.String, resetsInSplices),
	},
	{
		Name:   "end/urgent-in-a-stream",
		Shows:  "what follows urgent data in a stream arrives, and then the end",
		Except: notOriginal("it stalls at the urgent byte"),
		Run:    overEach(directions, direction.String, urgentInStream),
	},
}

// direction is the way of a stream.
type direction bool

const (
	toTarget direction = true
	toClient direction = false
)

var directions = []direction{toTarget, toClient}

func (d direction) String() string {
	if d == toTarget {
		return "to the target"
	}
	return "to the client"
}

// ends orders a connection's ends: who sends, and who receives.
func (d direction) ends(client, far *harness.Conn) (sender, receiver *harness.Conn) {
	if d == toTarget {
		return client, far
	}
	return far, client
}

// dribbles is how a stream that ends at once is sent: small messages, one at a time.
const dribbles, dribble = 600, "abcd"

// sendDribbles sends it, and leaves altogether or for its half.
func sendDribbles(c *harness.Conn, leaves bool) {
	for range dribbles {
		if _, err := c.Write([]byte(dribble)); err != nil {
			return // the other end will complain
		}
	}
	if leaves {
		c.Close()
	} else {
		c.EndWriting()
	}
}

// expectDribbles reads such a stream to its end.
func expectDribbles(c *harness.Conn) error {
	got, err := io.ReadFull(c, make([]byte, len(dribble)*dribbles))
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", got, err)
	}
	c.SetReadDeadline(time.Now().Add(harness.Patience))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return fmt.Errorf("after all bytes: %d more and %w, want the end", n, err)
	}
	return nil
}

func endsOfUnixStreams(t *testing.T, p *harness.Program, workers string) {
	const callers, span = 3, 1500 * time.Millisecond
	var calls, ends atomic.Int64
	check := func(who string, c *harness.Conn) {
		if err := expectDribbles(c); err != nil {
			t.Errorf("%s: %v", who, err)
		} else {
			ends.Add(1)
		}
	}
	toTarget := harness.StartProxy(t, p, harness.Unix, harness.Serve(t, harness.Unix, func(c *harness.Conn) {
		check("from a client", c)
	}).Target(), workers)
	toClient := harness.StartProxy(t, p, harness.TCP4, harness.Serve(t, harness.Unix, func(c *harness.Conn) {
		sendDribbles(c, calls.Load()%3 == 0)
		_, _ = io.Copy(io.Discard, c)
	}).Target(), workers)
	var calling sync.WaitGroup
	until := time.Now().Add(span)
	for i := range callers {
		calling.Go(func() {
			for time.Now().Before(until) && !t.Failed() {
				calls.Add(2)
				c := harness.Dial(t, toTarget.Address)
				sendDribbles(c, i == 0)
				if i > 0 { // or it leaves at once, and nothing will ever wake the proxy again
					_, _ = io.Copy(io.Discard, c)
				}
				c.Close()
				c = harness.Dial(t, toClient.Address)
				check("from a target", c)
				c.Close()
			}
		})
	}
	calling.Wait()
	harness.Until(t, "all ends to arrive", func() bool { return ends.Load() == calls.Load() || t.Failed() })
	t.Logf("%d ends of %d streams", ends.Load(), calls.Load())
}

// resetsBesideSends has replies back up, and clients read a part of them before they reset:
// a send to them has then sent some of its bytes when it fails.
func resetsBesideSends(t *testing.T, p *harness.Program, workers string) {
	const connections, rounds, message, read = 8, 4, 8000, 400_000
	seed := harness.Seed(t)
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, without(p, "-splice"), harness.TCP4, target.Target(), workers)
	for range rounds {
		var clients, fars []*harness.Conn
		var sent atomic.Int64
		var sending sync.WaitGroup
		for range connections {
			client := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 4096})
			client.SendText("request of ") // ... a length that it does not reach
			far := <-accepted
			far.ExpectText("request of ")
			clients, fars = append(clients, client), append(fars, far)
			sending.Go(func() {
				reply := harness.Random(seed, 0, message)
				for {
					n, err := far.Write(reply)
					if sent.Add(int64(n)); err != nil {
						return
					}
				}
			})
		}
		harness.Settled(t, "the replies", sent.Load, settle)
		var reading sync.WaitGroup
		for _, client := range clients {
			reading.Go(func() {
				if _, err := io.CopyN(io.Discard, client, read); err != nil {
					t.Error(err)
				}
			})
		}
		reading.Wait()
		harness.Settled(t, "the replies", sent.Load, settle)
		for _, far := range fars {
			far.SetWriteDeadline(time.Now()) // it would hear of the reset, and a read would not
		}
		sending.Wait()
		for i, client := range clients {
			client.SendText("half")
			fars[i].ExpectText("half")
			client.Reset()
			fars[i].ExpectReset()
			fars[i].Close()
		}
	}
}

// resetsInSplices has the receiver of a stream vanish right before one of the proxy's
// splices, so that its kernel answers the first packet of that with a reset. The rest of
// the splice takes the error without a word. Where a turn of the stream ends with it, the
// receiver is looked at next.
func resetsInSplices(t *testing.T, p *harness.Program, d direction) {
	// Of what a turn is (4 MiB), five such pieces leave a little: a turn ends with a sixth on
	// uring, and on epoll with the little that goes into the pipe behind half of the fifth.
	// Which splice that is depends on how much was copied before there was a stream.
	const piece, first, last, burst = "--buffer-size=816K", 9, 21, 9 << 20
	seed := harness.Seed(t)
	n := network.New(t, "roomy") // so that the burst waits in the proxy's socket
	for _, direction := range []string{"ipv4/tcp_rmem", "ipv4/tcp_wmem"} {
		n.Sysctl(t, direction, "4096 33554432 33554432")
	}
	n.Do(t, func() {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		for intoPipe := first; intoPipe <= last; intoPipe += 2 {
			proxy := harness.StartProxy(t, stoppedAfterSplice(t, p, intoPipe), harness.TCP4, target.Target(), piece)
			sender, receiver := d.ends(join(t, proxy, accepted))
			proxy.Pause()
			sender.Send(harness.Random(seed, 0, burst))
			sender.AwaitDelivered()
			var received atomic.Int64
			var reading sync.WaitGroup
			reading.Go(func() {
				for block := make([]byte, 64<<10); ; {
					n, err := receiver.Read(block)
					if received.Add(int64(n)); err != nil {
						return
					}
				}
			})
			proxy.Signal(syscall.SIGCONT)
			harness.Until(t, "the program to be stopped at a splice", func() bool {
				// It copies a little first; and there may be no such splice.
				return received.Load() > 0 && proxy.Stopped() || received.Load() == burst
			})
			if !proxy.Stopped() {
				receiver.Close()
				sender.ExpectEnd()
				break
			}
			receiver.SetReadDeadline(time.Now())
			reading.Wait()
			there := received.Load() + int64(receiver.Readable())
			vanish(t, receiver)
			proxy.Signal(syscall.SIGCONT)
			if there == burst { // it was the last one, and no packet is left to be answered
				sender.Close()
				break
			}
			sender.ExpectReset()
			sender.Close()
		}
	})
}

// stoppedAfterSplice is a program that a tracer stops when it leaves one of its splices.
func stoppedAfterSplice(t *testing.T, p *harness.Program, splice int) *harness.Program {
	t.Helper()
	return traced(t, p, "-o/dev/null", "-etrace=splice", fmt.Sprintf("-einject=splice:signal=SIGSTOP:when=%d", splice))
}

// makeStream sends so much that a proxy takes it for a stream.
func makeStream(t *testing.T, seed uint64, sender, receiver *harness.Conn, size int64) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- harness.NewPattern(seed, 0).SendTo(sender, size, nil) }()
	if err := harness.NewPattern(seed, 0).CheckPart(receiver, size); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func urgentInStream(t *testing.T, p *harness.Program, d direction) {
	const warm, before, after = 600_000, 20_000, 20_000
	seed := harness.Seed(t)
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	for round := range 4 {
		sender, receiver := d.ends(join(t, proxy, accepted))
		makeStream(t, seed, sender, receiver, warm)
		busy := round%2 == 0 // or the proxy looks between the steps
		if busy {
			proxy.Pause()
		}
		data := harness.Random(seed, 1, before+1+after)
		sender.Send(data[:before])
		sender.SendOutOfBand(data[before])
		sender.Send(data[before+1:])
		sender.EndWriting()
		if busy {
			sender.AwaitDelivered()
			proxy.Signal(syscall.SIGCONT)
		}
		receiver.Expect(data)
		receiver.ExpectEnd()
		_ = receiver.Conn.(*net.TCPConn).Close()
	}
}
