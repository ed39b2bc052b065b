package lossy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// transfer is what one connection carries. A client sends it ahead, so that the
// target knows its part.
type transfer struct {
	Stream   uint64
	Up, Down int64 // bytes to the target and to the client
	Order    order
}

// order is which direction comes first. The one that comes later is carried by a
// connection that is half-closed.
type order uint8

const (
	atOnce order = iota
	upFirst
	downFirst
	orders
)

// newTransfer is a transfer of a test's own choice: of every length up to 2 MiB,
// short and long ones alike.
func newTransfer(random *rand.Rand, stream uint64) transfer {
	length := func() int64 { return random.Int64N(1 << random.IntN(22)) }
	return transfer{stream, length(), length(), order(random.IntN(int(orders)))}
}

func (x transfer) String() string {
	return fmt.Sprintf("transfer %d (%d bytes up, %d down, order %d)", x.Stream, x.Up, x.Down, x.Order)
}

// client plays a transfer's client, and returns what went wrong.
func (x transfer) client(c net.Conn, seed uint64) error {
	if err := binary.Write(c, binary.LittleEndian, x); err != nil {
		return err
	}
	return x.play(c,
		func() error { return x.send(c, seed, 2*x.Stream, x.Up) },
		func() error { return harness.NewPattern(seed, 2*x.Stream+1).Check(c, x.Down) },
		x.Order == upFirst)
}

// target plays the target of whatever transfer a client asks for.
func target(c net.Conn, seed uint64) error {
	var x transfer
	if err := binary.Read(c, binary.LittleEndian, &x); err != nil {
		return err
	}
	err := x.play(c,
		func() error { return x.send(c, seed, 2*x.Stream+1, x.Down) },
		func() error { return harness.NewPattern(seed, 2*x.Stream).Check(c, x.Up) },
		x.Order == downFirst)
	if err != nil {
		return fmt.Errorf("target of %v: %w", x, err)
	}
	return nil
}

func (x transfer) send(c net.Conn, seed, stream uint64, n int64) error {
	err := harness.NewPattern(seed, stream).SendTo(c, n, func(n int) { figures.Count("bytes", int64(n)) })
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return c.(interface{ CloseWrite() error }).CloseWrite()
}

// play sends and receives, at once or one after the other.
func (x transfer) play(c net.Conn, send, receive func() error, sendFirst bool) error {
	switch {
	case x.Order != atOnce && sendFirst:
		return errors.Join(send(), receive())
	case x.Order != atOnce:
		return errors.Join(receive(), send())
	}
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	received := receive()
	if received != nil {
		c.Close() // nobody will take what is still being sent
	}
	return errors.Join(received, <-sent)
}

// carry makes 100 transfers over a path, 20 at a time, and checks each at both ends.
func carry(t *testing.T, p *path, program *harness.Program) {
	const transfers, atATime = 100, 20
	seed := harness.Seed(t)
	server, address := p.start(t, program, func(c *harness.Conn) {
		if err := target(c.Conn, seed); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, c) // the client sees the end before the target goes
	})
	random := rand.New(rand.NewPCG(seed, 0))
	todo := make(chan transfer, transfers)
	for i := range uint64(transfers) {
		todo <- newTransfer(random, i)
	}
	close(todo)
	var clients sync.WaitGroup
	for range atATime {
		clients.Go(func() {
			for x := range todo {
				if err := p.transfer(t, address, x, seed); err != nil {
					t.Errorf("%v: %v", x, err)
				}
			}
		})
	}
	clients.Wait()
	server.Wait() // a client is done before its last bytes have arrived
}

func (p *path) transfer(t *testing.T, address harness.Address, x transfer, seed uint64) error {
	var c net.Conn
	var err error
	p.client.Do(t, func() { c, err = harness.TryDial(address, harness.SocketOptions{}) })
	if err != nil {
		return err
	}
	defer c.Close()
	return errors.Join(c.SetDeadline(deadline()), x.client(c, seed))
}
