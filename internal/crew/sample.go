package crew

import (
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// sampleTime bounds how long Sample waits for a worker that does not answer: it is
// stuck, or ends.
const sampleTime = time.Second

// Sample asks all members how they are and returns the sum. Of one that does not
// answer in time, it is what that said last. From any goroutine.
func (c *Crew) Sample() statistics.Sample {
	answered := make(chan struct{}, len(c.members)) // a late answer waits for nobody
	asked := 0
	for i, m := range c.members {
		said := &c.samples[i]
		if m.Inbox().Post(func() {
			sample := m.Sample()
			said.Store(&sample)
			answered <- struct{}{}
		}) {
			asked++
		}
	}
	timeout := time.NewTimer(sampleTime)
	defer timeout.Stop()
	for late := false; asked > 0 && !late; asked-- {
		select {
		case <-answered:
		case <-timeout.C:
			late = true
		}
	}
	var sum statistics.Sample
	for i := range c.samples {
		if sample := c.samples[i].Load(); sample != nil {
			sum.Add(*sample)
		}
	}
	return sum
}
