package faults

import (
	"fmt"
	"io"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var limitCases = []Case{
	{
		Name:  "limit/slowloris",
		Shows: "clients that send a byte at a time hold their places and nothing else: the next are refused at once, those that are in get on, and places come back",
		Run:   slowloris,
	},
	{
		Name:  "limit/flood",
		Shows: "floods of 3 times as many clients as the limit let in exactly the limit, each time, and the others are closed at once",
		Run:   func(t *testing.T, p *harness.Program) { floods(t, p, "--workers=1") },
	},
	{
		Name:  "limit/flood-of-workers",
		Shows: "the same with 3 workers, which share the limit",
		Run:   func(t *testing.T, p *harness.Program) { floods(t, p, "--workers=3") },
	},
	{
		Name:  "limit/churn",
		Shows: "2,000 clients that come and go at the limit, refused or served, leave every place free",
		Run:   churns,
	},
}

// refusal is the line of a client that is refused.
var refusal = regexp.MustCompile(`connection limit reached`)

func slowloris(t *testing.T, p *harness.Program) {
	const limit = 40
	s := set(t, p, setting{options: harness.Options{Args: []string{fmt.Sprintf("-c%d", limit)}}})
	places := limit - len(s.all)
	quit := make(chan struct{})
	var trickling sync.WaitGroup
	var echoed atomic.Int64
	for range places {
		client, far := s.joinEnds(harness.SocketOptions{})
		injected(1)
		far.read()
		trickling.Go(func() {
			for client.out.SendTo(client.Conn.Conn, 1, nil) == nil {
				echoed.Add(1)
				select {
				case <-quit:
					client.Close()
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
			t.Error("a trickle was cut off")
		})
	}
	for range 3 {
		goal := echoed.Load() + int64(10*places)
		harness.Until(t, "the trickle to go on", func() bool { return echoed.Load() >= goal })
		s.progress("beside the trickle")
		for range 10 {
			s.dial().ExpectGone()
		}
	}
	close(quit)
	trickling.Wait()
	s.clear()
	s.awaitSockets("the places to come back", 0)
	for range places {
		s.joinEnds(harness.SocketOptions{})
	}
	s.dial().ExpectGone()
	s.end()
}

func floods(t *testing.T, p *harness.Program, workers string) {
	const limit, rounds = 60, 3
	s := set(t, p, setting{options: harness.Options{Args: []string{fmt.Sprintf("-c%d", limit), workers}}})
	places, clients := limit-len(s.all), 3*limit
	refused := 0
	for range rounds {
		in := s.flood(clients)
		if len(in) != places {
			t.Errorf("%d clients were let in, want %d", len(in), places)
		}
		refused += clients - len(in)
		s.progress("at the limit")
		for i, c := range in {
			if i%3 == 0 {
				c.Reset()
			} else {
				c.Close()
			}
		}
		s.awaitSockets("the places to come back", 0)
	}
	s.end()
	lines := 0
	for _, line := range s.Lines() {
		if refusal.MatchString(line) {
			lines++
		}
	}
	t.Logf("%d lines in the log for %d refused clients", lines, refused)
	if lines == 0 || lines > refused/10 {
		t.Errorf("%d lines in the log for %d refused clients", lines, refused)
	}
}

// flood connects clients at once, and returns those that are served. The others must
// have been closed without a word.
func (s *stage) flood(clients int) (in []*harness.Conn) {
	s.t.Helper()
	answered := make(chan *harness.Conn, clients)
	for range clients {
		go func() {
			injected(1)
			c := harness.Dial(s.t, s.Address)
			// Being refused may be quicker than being asked.
			_, _ = c.Write([]byte{kindEcho, '?'})
			answer := make([]byte, 1)
			switch n, err := io.ReadFull(c, answer); {
			case n == 1 && answer[0] == '?':
				answered <- c
			case n == 0 && (err == io.EOF || isReset(err)):
				answered <- nil
			default:
				s.t.Errorf("a client got %q and %v", answer[:n], err)
				answered <- nil
			}
		}()
	}
	for range clients {
		if c := <-answered; c != nil {
			in = append(in, c)
		}
	}
	return in
}

// churns has clients come as fast as they can, each for one echo.
func churns(t *testing.T, p *harness.Program) {
	const limit, callers = 10, 20
	s := set(t, p, setting{options: harness.Options{Args: []string{fmt.Sprintf("-c%d", limit), "--workers=2"}}})
	var served, refused atomic.Int64
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for range scaled(100) {
				injected(1)
				c := harness.Dial(t, s.Address)
				_, _ = c.Write([]byte{kindEcho, '?'})
				switch n, err := c.Read(make([]byte, 2)); {
				case n == 1:
					served.Add(1)
				case err == io.EOF || isReset(err):
					refused.Add(1)
				default:
					t.Errorf("a client got %d bytes and %v", n, err)
				}
				c.Close()
			}
		})
	}
	calling.Wait()
	t.Logf("%d served, %d refused, %d lines in the log", served.Load(), refused.Load(), len(s.Lines()))
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served, %d refused: want some of both", served.Load(), refused.Load())
	}
	s.progress("after the churn")
	s.awaitSockets("the places to come back", 0)
	if in := s.flood(3 * limit); len(in) != limit-len(s.all) {
		t.Errorf("%d clients were let in afterwards, want %d", len(in), limit-len(s.all))
	} else {
		for _, c := range in {
			c.Close()
		}
	}
	s.end()
}
