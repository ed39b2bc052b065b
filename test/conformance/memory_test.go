package conformance

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

var memoryCases = []Case{
	{
		Name:  "slow-reader/one",
		Shows: "a client that does not read while its target floods costs bounded memory, delays nobody and loses nothing",
		Alone: !mayBound(),
		Run:   func(t *testing.T, p *harness.Program) { slowReaders(t, p, 1) },
	},
	{
		Name:  "slow-reader/64",
		Shows: "the same with 64 such clients at once",
		Alone: !mayBound(),
		Run:   func(t *testing.T, p *harness.Program) { slowReaders(t, p, 64) },
	},
	{
		Name:  "slow-reader/200-of-small-writes",
		Shows: "200 UNIX clients that do not read while their targets write in small pieces leave buffers for others",
		Alone: !mayBound(),
		Run:   trickles,
	},
}

// mayBound reports whether the kernel's buffers can be bounded. Else what fills them all fills
// the machine, and has to run alone.
func mayBound() bool { return os.Geteuid() == 0 }

// bounded calls f in a network whose sockets hold at most 256 KiB, if it may. As they are
// usually, the kernel's buffers take ten times as much before a proxy's fill up; with much
// smaller ones nothing is spliced.
func bounded(t *testing.T, f func()) {
	t.Helper()
	if !mayBound() {
		f()
		return
	}
	n := network.New(t, "bounded")
	for _, direction := range []string{"ipv4/tcp_rmem", "ipv4/tcp_wmem"} {
		n.Sysctl(t, direction, "4096 131072 262144")
	}
	n.Do(t, f)
}

// memoryBound is what a proxy may hold when some halves are full: the program
// itself (base), the buffer pool, and what each half may keep of its own.
func memoryBound(halves int64) int64 {
	const base, pool, half = 20 << 20, 8 << 20, 1<<20 + 64<<10
	return base + pool + halves*half
}

// slowReaders floods n clients that do not read, looks at the proxy's memory and
// at another connection meanwhile, then lets the first of them read on.
func slowReaders(t *testing.T, p *harness.Program, n int) {
	flood := int64(80 << 20)
	if mayBound() {
		flood = 16 << 20
	}
	bounded(t, func() { slowReadersOf(t, p.Plain(), n, flood) })
}

func slowReadersOf(t *testing.T, p *harness.Program, n int, flood int64) {
	const bystander = 16 << 20
	seed := harness.Seed(t)
	var taken atomic.Int64
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		kind := make([]byte, 2) // what is asked for, and the stream's number
		if _, err := io.ReadFull(c, kind); err != nil {
			return
		}
		if kind[0] == 'e' {
			harness.Echo(c)
			return
		}
		// Those that never read end with the test, which is no failure.
		_ = harness.NewPattern(seed, uint64(kind[1])).SendTo(c, flood, func(n int) { taken.Add(int64(n)) })
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	var stuck []*harness.Conn
	for i := range n {
		c := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 8192})
		c.Send([]byte{'f', byte(i)})
		stuck = append(stuck, c)
	}
	harness.Until(t, "the flood to begin", func() bool { return taken.Load() > 0 })
	held := harness.Settled(t, "the flood", taken.Load, 200*time.Millisecond)
	if total := int64(n) * flood; held >= total {
		t.Fatalf("all %d bytes were taken: nothing is stuck", total)
	}
	if rss, bound := proxy.ResidentBytes(), memoryBound(int64(n)); rss > bound {
		t.Errorf("%d MiB resident with %d stuck clients, want at most %d", rss>>20, n, bound>>20)
	} else {
		t.Logf("%d MiB resident with %d stuck clients, %d MiB taken in all", rss>>20, n, held>>20)
	}
	passBy(t, proxy, seed, bystander)
	resumed := stuck[0]
	if err := harness.NewPattern(seed, 0).Check(resumed, flood); err != nil {
		t.Errorf("the client that reads again: %v", err)
	}
	if rss, bound := proxy.ResidentBytes(), memoryBound(int64(n)); rss > bound {
		t.Errorf("%d MiB resident afterwards, want at most %d", rss>>20, bound>>20)
	}
}

// passBy transfers through a proxy whose other connections are stuck.
func passBy(t *testing.T, proxy *harness.Proxy, seed uint64, size int64) {
	t.Helper()
	c := proxy.Dial(t)
	c.SendText("e-")
	sent := make(chan error, 1)
	go func() { sent <- harness.NewPattern(seed, 1000).SendTo(c, size, nil) }()
	began := time.Now()
	err := harness.NewPattern(seed, 1000).CheckPart(c, size)
	if err := errors.Join(err, <-sent); err != nil {
		t.Errorf("another connection: %v", err)
	}
	t.Logf("another connection moved %d MiB in %v", size>>20, time.Since(began).Round(time.Millisecond))
}

// trickles has many targets that send a little more than their clients' sockets
// hold, so that each keeps a small piece in the proxy.
func trickles(t *testing.T, p *harness.Program) {
	p = p.Plain()
	const clients, each, bystander = 200, 5 << 20, 16 << 20
	seed := harness.Seed(t)
	var taken atomic.Int64
	target := harness.Serve(t, harness.Unix, func(c *harness.Conn) {
		kind := make([]byte, 2)
		if _, err := io.ReadFull(c, kind); err != nil {
			return
		}
		if kind[0] == 'e' {
			harness.Echo(c)
			return
		}
		piece := harness.Random(seed, uint64(kind[1]), 700)
		for sent := 0; sent < each; sent += len(piece) {
			n, err := c.Write(piece)
			if taken.Add(int64(n)); err != nil {
				return
			}
		}
	})
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target())
	for i := range clients {
		c := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 4096})
		c.Send([]byte{'f', byte(i)})
	}
	harness.Until(t, "the trickle to begin", func() bool { return taken.Load() > 0 })
	harness.Settled(t, "the trickle", taken.Load, 200*time.Millisecond)
	rss, bound := proxy.ResidentBytes(), memoryBound(clients)
	t.Logf("%d MiB resident with %d stuck clients, %d MiB taken in all", rss>>20, clients, taken.Load()>>20)
	if rss > bound {
		t.Errorf("%d MiB resident with %d stuck clients, want at most %d", rss>>20, clients, bound>>20)
	}
	passBy(t, proxy, seed, bystander)
}
