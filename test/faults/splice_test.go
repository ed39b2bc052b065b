package faults

import (
	"fmt"
	"sync"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var spliceCases = []Case{
	{
		Name:  "splice/no-pipes",
		Shows: "streams for which no pipe can be had, as descriptors are short, arrive intact",
		Run: func(t *testing.T, p *harness.Program) {
			const connections = 12
			// Two for each connection and the bystanders, 20 for the rest: few pipes.
			limit := fmt.Sprintf("ulimit -n %d", 2*(connections+len(bystanderKinds))+20)
			s := set(t, under(t, p, limit), setting{limits: peerBuffers})
			streams(s, connections)
			s.end()
		},
	},
	{
		Name:  "splice/small-pipes",
		Shows: "streams of a user over pipe-user-pages-soft, who gets small pipes only, arrive intact",
		Needs: []need{root},
		Run: func(t *testing.T, p *harness.Program) {
			s := set(t, p, setting{limits: peerBuffers, options: harness.Options{User: nobody}})
			streams(s, scaled(100))
			s.end()
		},
	},
}

// streams has connections send a stream that nobody reads at first, so that all are
// held at the same time, and then reads them.
func streams(s *stage, connections int) {
	s.t.Helper()
	const size = 3 << 20 // more than pipes hold
	var clients, fars []*end
	for range connections {
		client, far := s.joinEnds(peerBuffers)
		clients, fars = append(clients, client), append(fars, far)
		injected(1)
	}
	for _, client := range clients {
		go func() {
			// It ends when its reader leaves, which is no failure.
			_ = client.out.SendTo(client.Conn.Conn, endless, func(n int) { client.sent.Add(int64(n)) })
		}()
	}
	harness.Settled(s.t, "the senders", func() (sent int64) {
		for _, client := range clients {
			sent += client.sent.Load()
		}
		return sent
	}, 2*stuckAfter)
	s.t.Logf("%d pipe descriptors for %d streams, %d KiB in pipes", s.descriptors().pipes-s.first.pipes, connections, s.piped()>>10)
	s.progress("while all streams are held")
	var reading sync.WaitGroup
	for i, far := range fars {
		reading.Go(func() {
			if err := far.in.CheckPart(far.Conn.Conn, size); err != nil {
				s.t.Errorf("stream %d: %v", i, err)
			}
		})
	}
	reading.Wait()
}
