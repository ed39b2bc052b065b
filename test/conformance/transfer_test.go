package conformance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var transportCases = []Case{
	{
		Name:  "transport/matrix",
		Shows: "1 MiB each way arrives intact from each of TCP over IPv4, over IPv6, a UNIX path and an abstract name to each of them",
		Run: func(t *testing.T, p *harness.Program) {
			for _, from := range harness.Transports {
				each(t, harness.Transports,
					func(to harness.Transport) string { return string(from) + " to " + string(to) },
					func(t *testing.T, to harness.Transport) { transferBothWays(t, p, from, to, 1<<20) })
			}
		},
	},
	{
		Name:  "transport/64-at-once",
		Shows: "64 connections with 8 MiB each way at the same time all arrive intact",
		Alone: true,
		Run:   manyTransfers,
	},
}

// transferBothWays sends random bytes each way at once and compares them.
func transferBothWays(t *testing.T, p *harness.Program, from, to harness.Transport, n int, args ...string) {
	seed := harness.Seed(t)
	up, down := harness.Random(seed, 1, n), harness.Random(seed, 2, n)
	target := harness.Serve(t, to, func(c *harness.Conn) { exchange(c, down, up) })
	proxy := harness.StartProxy(t, p, from, target.Target(), args...)
	exchange(proxy.Dial(t), up, down)
	target.Wait()
}

// exchange sends one thing while it receives another.
func exchange(c *harness.Conn, send, want []byte) {
	var sending sync.WaitGroup
	sending.Go(func() { c.Send(send) })
	c.Expect(want)
	sending.Wait()
}

func manyTransfers(t *testing.T, p *harness.Program) {
	const connections = 64
	size := int64(8 << 20)
	if harness.RaceBuilt {
		size = 2 << 20
	}
	seed := harness.Seed(t)
	// What the target sends depends on what it is sent first: the number of
	// the connection, so that bytes that cross over to another one show.
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		number := make([]byte, 1)
		if _, err := io.ReadFull(c, number); err != nil {
			t.Error(err)
			return
		}
		if err := hashedExchange(c, seed, 2*uint64(number[0])+1, 2*uint64(number[0]), size); err != nil {
			t.Errorf("target, connection %d: %v", number[0], err)
		}
	})
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	var clients sync.WaitGroup
	for i := range connections {
		c := proxy.Dial(t)
		clients.Go(func() {
			c.Send([]byte{byte(i)})
			if err := hashedExchange(c, seed, 2*uint64(i), 2*uint64(i)+1, size); err != nil {
				t.Errorf("client, connection %d: %v", i, err)
			}
		})
	}
	clients.Wait()
	target.Wait()
}

// patternExchange sends one stream of a seed while it checks another. Neither end
// half-closes before both have everything, so that this is the same for a program that
// does not pass half-closes on.
func patternExchange(c *harness.Conn, seed uint64, size int64, sendStream, wantStream uint64) error {
	sent := make(chan error, 1)
	go func() { sent <- harness.NewPattern(seed, sendStream).SendTo(c, size, nil) }()
	err := harness.NewPattern(seed, wantStream).CheckPart(c, size)
	return errors.Join(err, <-sent)
}

// hashedExchange sends one stream of a seed while it receives another, and
// compares the SHA-256 of what came with that of what was to come.
func hashedExchange(c *harness.Conn, seed, sendStream, wantStream uint64, size int64) error {
	sent := make(chan error, 1)
	go func() { sent <- harness.NewPattern(seed, sendStream).SendTo(c, size, nil) }()
	got, want := sha256.New(), sha256.New()
	n, err := io.CopyN(got, c, size)
	if err != nil {
		err = fmt.Errorf("after %d bytes: %w", n, err)
	}
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if err := harness.NewPattern(seed, wantStream).SendTo(want, size, nil); err != nil {
		return err
	}
	if got, want := fmt.Sprintf("%x", got.Sum(nil)), fmt.Sprintf("%x", want.Sum(nil)); got != want {
		return fmt.Errorf("SHA-256 %s, want %s", got, want)
	}
	return nil
}
