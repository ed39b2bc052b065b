package conformance

import (
	"encoding/binary"
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// How the limit looks to the target, which may serve no more at a time.
var endFirstCases = []Case{
	{
		Name:   "limit/end-first",
		Shows:  "with -c 1, the end of a connection to a TCP target is on its way before the connect of the next one",
		Except: notOriginal("what it does is a matter of chance"),
		Run:    overCrews(endFirstTCP),
	},
	{
		Name:   "limit/end-first-unix",
		Shows:  "with -c 1, a target on a UNIX socket that accepts a connection can read the end of the one before",
		Except: notOriginal("what it does is a matter of chance"),
		Run:    overCrews(endFirstUNIX),
	},
}

// succession is a proxy with one place, and the connection that has it.
type succession struct {
	proxy       *harness.Proxy
	accepted    <-chan *harness.Conn
	client, far *harness.Conn
}

// begin takes the place.
func (s *succession) begin(t *testing.T) {
	t.Helper()
	s.client, s.far = join(t, s.proxy, s.accepted)
}

// next ends the connection while the program is stopped, by a reset or after its target has
// ended, and dials the next one, so that the program hears of both at once.
func (s *succession) next(t *testing.T, reset bool) {
	t.Helper()
	if !reset {
		s.far.EndWriting()
		s.client.ExpectEnd()
		acknowledge(s.client)
	}
	s.proxy.Pause()
	var client *harness.Conn
	if reset {
		s.client.Reset()
		client = s.proxy.Dial(t)
	} else {
		client = s.proxy.Dial(t) // it waits for the place of the half-open one
		s.client.Close()
	}
	s.proxy.Signal(syscall.SIGCONT)
	for end := time.Now().Add(harness.Patience); time.Now().Before(end); {
		in := make(chan bool, 1)
		go func() { in <- isLetIn(client) }()
		select {
		case far := <-s.accepted:
			far.SendText("!")
			if !<-in {
				t.Fatal("a client of an accepted connection was refused")
			}
			s.client, s.far = client, far
			return
		case <-in: // refused: it was looked at first
			client = s.proxy.Dial(t)
		}
	}
	t.Fatal("the place does not become free")
}

func endFirstTCP(t *testing.T, p *harness.Program, workers string) {
	const rounds = 10
	n := network.New(t, "limit")
	n.Do(t, func() {
		packets := capturePackets(t)
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		s := &succession{proxy: harness.StartProxy(t, p, harness.TCP4, target.Target(), workers, "-c1"), accepted: accepted}
		s.begin(t)
		open := make(map[uint16]bool)
		for round := range rounds {
			s.next(t, round%2 == 0)
			for _, packet := range sentTo(t, packets, endpoint(target).Port()) {
				switch {
				case packet.ends:
					delete(open, packet.from)
				case packet.opens:
					if len(open) > 0 {
						t.Errorf("round %d: a connect before the end of the connection before", round)
					}
					open[packet.from] = true
				}
			}
			if len(open) == 0 {
				t.Fatal("the packets of a connection were not seen")
			}
		}
	})
}

// endFirstUNIX has a tracer hold up what the ring is to do: the sockets that are closed by
// it, if the next connect does not wait for that.
func endFirstUNIX(t *testing.T, p *harness.Program, workers string) {
	const rounds = 6
	p = traced(t, p, "-o/dev/null", "-etrace=io_uring_enter", "-einject=io_uring_enter:delay_enter=10000")
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	s := &succession{proxy: harness.StartProxy(t, p, harness.TCP4, target.Target(), workers, "-c1"), accepted: accepted}
	s.begin(t)
	for round := range rounds {
		before := s.far
		ended := make(chan bool, 1)
		tell := make(chan *harness.Conn, 1)
		s.accepted = tell
		go func() {
			far := <-accepted
			ended <- hasEnded(before)
			tell <- far
		}()
		s.next(t, round%2 == 0)
		if !<-ended {
			t.Errorf("round %d: accepted a connection before the end of the one before", round)
		}
	}
}

// hasEnded reports whether the end of a connection can be read.
func hasEnded(c *harness.Conn) (ended bool) {
	c.Control(func(fd int) error {
		look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		_, err := unix.Poll(look, 0)
		ended = look[0].Revents != 0
		return err
	})
	return ended
}

// packet is one of TCP.
type packet struct {
	from        uint16 // port
	opens, ends bool
}

// capturePackets opens a socket that hears of every packet which is sent in the namespace,
// in that order.
func capturePackets(t *testing.T) (fd int) {
	t.Helper()
	all := binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(binary.NativeEndian.Uint16(all)))
	if err != nil {
		t.Skipf("packets cannot be captured: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// sentTo are the captured packets that were sent to a port over IPv4.
func sentTo(t *testing.T, fd int, port uint16) (sent []packet) {
	t.Helper()
	const protocol, flags, fin, syn, rst = 9, 13, 1, 2, 4
	for data := make([]byte, 1<<16); ; {
		n, from, err := unix.Recvfrom(fd, data, 0)
		if errors.Is(err, unix.EAGAIN) {
			return sent
		} else if err != nil {
			t.Fatal(err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || link.Pkttype != unix.PACKET_OUTGOING || n < 40 || data[0]>>4 != 4 || data[protocol] != unix.IPPROTO_TCP {
			continue
		}
		tcp := data[int(data[0]&15)*4 : n]
		if binary.BigEndian.Uint16(tcp[2:]) == port {
			sent = append(sent, packet{binary.BigEndian.Uint16(tcp), tcp[flags]&syn != 0, tcp[flags]&(fin|rst) != 0})
		}
	}
}
