package conformance

import (
	"io"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// Readers that are slow, and what --idle-timeout= makes of them.
var slowReaderCases = []Case{
	{
		Name:   "timeout/slow-reader",
		Shows:  "--idle-timeout= does not reset a stream whose receiver takes a little at a time, however long it takes to deliver all that the program holds",
		Except: notOriginal("no --idle-timeout="),
		Run:    overCrews(slowReaderOfHeld),
	},
	{
		Name:   "timeout/unsent",
		Shows:  "--idle-timeout= gives the kernel time to deliver what it has, as long as it makes progress; a receiver that takes nothing more is reset at most an eighth of the time late",
		Except: notOriginal("no --idle-timeout="),
		Run:    overEach(directions, direction.String, slowReaderOfUnsent),
	},
}

// slowReaderOfHeld has small socket buffers, so that it is the program that holds what a
// reader has not taken.
func slowReaderOfHeld(t *testing.T, p *harness.Program, workers string) {
	const size, piece, pieces, pause = 600 << 10, 8 << 10, 30, 100 * time.Millisecond
	seed := harness.Seed(t)
	smallBuffers(t).Do(t, func() {
		target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
			if err := harness.NewPattern(seed, 0).SendTo(c, size, nil); err != nil {
				t.Error(err)
			}
			c.ExpectGone()
		})
		proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), workers, "--idle-timeout=2s")
		client := proxy.Dial(t)
		pattern := harness.NewPattern(seed, 0)
		for range pieces { // for longer than the limit
			if err := pattern.CheckPart(client, piece); err != nil {
				t.Fatal(err)
			}
			<-time.After(pause)
		}
		if err := pattern.CheckPart(client, size-pieces*piece); err != nil {
			t.Error(err)
		}
	})
}

// slowReaderOfUnsent reads from what the program has handed to the kernel already.
func slowReaderOfUnsent(t *testing.T, p *harness.Program, d direction) {
	const size, piece, pieces, pause, limit = 1536 << 10, 16 << 10, 30, 100 * time.Millisecond, 2 * time.Second
	seed := harness.Seed(t)
	script, accepted := harness.Hand()
	target := harness.ServeOn(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{ReceiveBuffer: 32 << 10}), script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--idle-timeout=2s")
	client := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 32 << 10})
	sender, receiver := d.ends(client, next(t, accepted))
	if err := harness.NewPattern(seed, 0).SendTo(sender, size, nil); err != nil {
		t.Fatal(err)
	}
	sender.AwaitDelivered()
	pattern := harness.NewPattern(seed, 0)
	var stopped time.Time
	for range pieces { // for longer than the limit
		if err := pattern.CheckPart(receiver, piece); err != nil {
			t.Fatal(err)
		}
		stopped = time.Now()
		<-time.After(pause)
	}
	sender.ExpectReset()
	// The window may have opened once more when the last piece was read, or not even
	// then: what is read at last need not be told to the sender.
	if after := time.Since(stopped); after < limit*7/8 || after > limit*9/8+time.Second {
		t.Errorf("reset %v after the reader had stopped, want %v", after, limit)
	}
	if _, err := io.Copy(io.Discard, receiver); err == nil {
		t.Error("the stream looks complete")
	}
}
