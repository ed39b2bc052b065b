package conformance

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

var stoppedReaderCases = []Case{
	{
		Name:   "stopped-readers",
		Shows:  "clients that read slowly for a while and then stop do not slow down those that go on reading, even with small socket buffers",
		Except: notOriginal("it has buffers for each connection"),
		Run: func(t *testing.T, p *harness.Program) {
			each(t, []readerRow{{"copied", "-splice", "--workers=1", 12}, {"spliced", "", "--workers=1", 12}, {"copied by 3 workers", "-splice", "--workers=3", 33}},
				func(r readerRow) string { return r.name }, func(t *testing.T, r readerRow) { stoppedReaders(t, p, r) })
		},
	},
}

// readerRow is how the program is to move bytes.
type readerRow struct {
	name, features, workers string
	stop                    int // how many stop: more than the threads that rings may have
}

// smallBuffers is a network in which sockets hold little, as docs/memory.md recommends for
// many connections.
func smallBuffers(t *testing.T) *network.Namespace {
	t.Helper()
	n := network.New(t, "small")
	n.Sysctl(t, "ipv4/tcp_wmem", "4096 16384 16384")
	n.Sysctl(t, "ipv4/tcp_rmem", "4096 8192 16384")
	n.SetMTU(t, 1500) // segments of loopback's size would not fit them
	return n
}

func stoppedReaders(t *testing.T, p *harness.Program, r readerRow) {
	const (
		goOn   = 4
		enough = 500_000 // in hundreds of pieces: as often was there room for a part
		pause  = 1 * time.Millisecond
		more   = 256 << 10
	)
	peer := harness.SocketOptions{ReceiveBuffer: 2048, MaxSegment: 536}
	if r.features != "" {
		p = without(p, r.features)
	}
	smallBuffers(t).Do(t, func() {
		var sent atomic.Int64
		target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
			for piece := make([]byte, 4<<10); ; {
				n, err := c.Write(piece)
				if sent.Add(int64(n)); err != nil {
					return // it is closed
				}
			}
		})
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--pool-size=32M", r.workers)
		read := func(c *harness.Conn, until func() bool, count func(int)) {
			block := make([]byte, 16<<10)
			for !until() {
				n, err := c.Read(block)
				if err != nil {
					t.Errorf("a client that reads: %v", err)
					return
				}
				count(n)
				<-time.After(pause) // a slow reader
			}
		}
		var over atomic.Bool
		var stopping, reading sync.WaitGroup
		counts := make([]atomic.Int64, goOn)
		var clients []*harness.Conn
		for range r.stop + goOn {
			clients = append(clients, harness.DialWith(t, proxy.Address, peer))
			harness.Settled(t, "what it is sent", sent.Load, settle/3)
		}
		for i, c := range clients {
			if i >= r.stop {
				count := &counts[i-r.stop]
				reading.Go(func() { read(c, over.Load, func(n int) { count.Add(int64(n)) }) })
				continue
			}
			stopping.Go(func() {
				got := 0
				read(c, func() bool { return got >= enough }, func(n int) { got += n })
			})
		}
		stopping.Wait()
		for i := range counts {
			goal := counts[i].Load() + more
			harness.Until(t, "those that read on to get more", func() bool { return counts[i].Load() >= goal })
		}
		over.Store(true)
		reading.Wait()
	})
}
