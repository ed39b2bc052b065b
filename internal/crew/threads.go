package crew

import "runtime"

// Worker is a member as its thread sees it.
type Worker interface {
	Member
	// Run is the event loop. It returns once the worker has been told to end and has no
	// connection left, or with a fault, after which it may have some.
	Run() error
	// Release frees what the worker holds, including connections that a fault has left.
	Release()
}

// threads are those of a crew's members. Each is an OS thread of its own, which makes the
// worker (a ring takes submissions from the thread that made it only) and ends with it: the
// event loop waits outside the Go scheduler.
type threads struct {
	begin     chan struct{} // closed when they may go on
	abandoned bool          // ... to their end at once
	ended     chan error    // of each
}

// Hire starts the threads of a crew, each of which makes its worker and waits for Serve. If
// one cannot, the others end, and its error is returned.
func (c *Crew) Hire(makeWorker func(index int) (Worker, error)) error {
	c.threads = threads{begin: make(chan struct{}), ended: make(chan error, c.policy.Workers)}
	for index := range c.policy.Workers {
		if err := c.hire(index, makeWorker); err != nil {
			c.abandon(index)
			return err
		}
	}
	return nil
}

func (c *Crew) hire(index int, makeWorker func(int) (Worker, error)) error {
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		w, err := makeWorker(index)
		if err == nil {
			c.Join(w)
		}
		ready <- err
		if err != nil {
			return
		}
		<-c.threads.begin
		if !c.threads.abandoned {
			err = w.Run()
		}
		c.End(index)
		w.Release()
		c.threads.ended <- err
	}()
	return <-ready
}

// abandon ends workers that will not run.
func (c *Crew) abandon(workers int) {
	c.threads.abandoned = true
	close(c.threads.begin)
	for range workers {
		<-c.threads.ended
	}
}

// Serve has all members run, and returns when they have ended: nil, or the first fault.
// nonblocking tells how the engine wants sockets.
func (c *Crew) Serve(nonblocking bool) error {
	c.Begin(nonblocking)
	close(c.threads.begin)
	return c.Await(c.threads.ended)
}
