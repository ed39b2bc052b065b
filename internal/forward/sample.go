package forward

import "time"

// Sample is what a worker has in its own hands, or the sum of several. The worker is
// asked for it, by its inbox, and tells it on its own thread: so it can count as it
// likes, and pays for others only when they ask.
type Sample struct {
	Ring RingCounts
	Pool PoolUse
}

// RingCounts are counts since start of an io_uring; 0 in an engine without one.
type RingCounts struct {
	Enters      uint64 // calls of io_uring_enter(2)
	Submissions uint64
	Completions uint64
	Overflows   uint64 // times the completion queue was found overflown
	Dropped     uint64 // completions lost by the kernel
	Full        uint64 // times the submission queue was full, which costs an extra call
}

// PoolUse is how much of a pool of buffers is in use, now.
type PoolUse struct {
	Buffers   int
	Available int // of them, to the kernel
	Bytes     int // of all buffers
	Parked    int // bytes of blocks for what slow peers have not taken
}

func (s *Sample) add(other Sample) {
	s.Ring.Enters += other.Ring.Enters
	s.Ring.Submissions += other.Ring.Submissions
	s.Ring.Completions += other.Ring.Completions
	s.Ring.Overflows += other.Ring.Overflows
	s.Ring.Dropped += other.Ring.Dropped
	s.Ring.Full += other.Ring.Full
	s.Pool.Buffers += other.Pool.Buffers
	s.Pool.Available += other.Pool.Available
	s.Pool.Bytes += other.Pool.Bytes
	s.Pool.Parked += other.Pool.Parked
}

// sampleTime bounds how long Sample waits for a worker that does not answer: it is
// stuck, or ends.
const sampleTime = time.Second

// Sample asks all members how they are and returns the sum. Of one that does not
// answer in time, it is what that said last. From any goroutine.
func (c *Crew) Sample() Sample {
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
	var sum Sample
	for i := range c.samples {
		if sample := c.samples[i].Load(); sample != nil {
			sum.add(*sample)
		}
	}
	return sum
}
