package security

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// TestNoByteOfAnother has peers that each send a byte of their own only, many at a
// time, with little memory to share. Most break off in the midst of it, so that
// buffers, blocks, pipes and slots are reused while they hold bytes of those who have
// left. Whatever arrives anywhere must be of the peer at the other end.
func TestNoByteOfAnother(t *testing.T) {
	each(t, func(t *testing.T, p *harness.Program) {
		for _, splice := range []string{"with", "without"} {
			t.Run(splice+" splice", func(t *testing.T) {
				args := []string{"--buffer-size=64K", "--workers=2"}
				program := *p
				if p.Name != harness.Epoll.Name {
					args = append(args, "--pool-size=1M")
				}
				if splice == "without" {
					if p.Name == harness.Epoll.Name {
						t.Skip("the epoll engine always splices streams")
					}
					program.Args = withoutSplice(p)
				}
				isolation(t, &program, args)
			})
		}
	})
}

// withoutSplice is an engine of io_uring whose streams go through buffers and blocks.
func withoutSplice(p *harness.Program) []string {
	if p.Name == harness.Uring.Name {
		return []string{"--engine=uring", "--ring-features=-splice"}
	}
	return []string{"--engine=uring", "--ring-features=-splice,-recv-limit"}
}

func isolation(t *testing.T, p *harness.Program, args []string) {
	const peers, rounds, most = 24, 12, 600 << 10
	seed := harness.Seed(t)
	// The first byte tells the target which peer it has, and is what it answers.
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		tag := make([]byte, 1)
		if _, err := io.ReadFull(c, tag); err != nil {
			return // it broke off before its first byte came through
		}
		size := rand.New(rand.NewPCG(seed, uint64(tag[0]))).IntN(most)
		var answered sync.WaitGroup
		answered.Go(func() { answer(c, bytes.Repeat(tag, size)) })
		if err := expectOnly(c, tag[0]); err != nil {
			t.Errorf("at the target: %v", err)
		}
		answered.Wait()
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), args...)
	var group sync.WaitGroup
	for peer := range peers {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(1000+peer)))
			for round := range rounds {
				play(t, proxy, byte(1+peer), rng, round == rounds-1, most)
			}
		})
	}
	group.Wait()
	target.Wait()
}

// answer sends a block and the end of the stream, to a peer that may break off.
func answer(c *harness.Conn, block []byte) {
	if _, err := c.Write(block); err == nil {
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	}
}

// play is one connection of a peer: it sends, reads some, and breaks off unless it is
// to end well.
func play(t *testing.T, proxy *harness.Proxy, tag byte, rng *rand.Rand, well bool, most int) {
	client := proxy.Dial(t)
	block := bytes.Repeat([]byte{tag}, 1+rng.IntN(most))
	var sent sync.WaitGroup
	defer sent.Wait()
	sent.Go(func() {
		if _, err := client.Write(block); err == nil && well {
			client.EndWriting()
		}
	})
	reader := io.Reader(client)
	if !well {
		reader = io.LimitReader(client, int64(rng.IntN(most/2)))
	}
	if rng.IntN(3) > 0 || well {
		if err := expectOnly(reader, tag); err != nil {
			t.Errorf("at the client: %v", err)
		}
	}
	if well {
		sent.Wait()
	} else {
		client.Reset()
		figures.Count("faults", 1)
	}
}

// expectOnly reads to the end, of whatever kind, and returns an error if anything but
// the tag has come.
func expectOnly(r io.Reader, tag byte) error {
	buffer := make([]byte, 64<<10)
	for total := 0; ; {
		n, err := r.Read(buffer)
		figures.Count("bytes", int64(n))
		for i, b := range buffer[:n] {
			if b != tag {
				return fmt.Errorf("byte %d of peer %d is %d", total+i, tag, b)
			}
		}
		total += n
		if err != nil {
			return nil
		}
	}
}
