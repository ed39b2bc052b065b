package crew

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/statistics"
)

// fakeWorker is a member without sockets, whose connections last for a few turns of
// its event loop.
type fakeWorker struct {
	crew     *Crew
	index    int
	inbox    *Inbox
	counters statistics.Counters
	clients  []Client
	halfOpen []halfOpenClient // stay until they are given up, or the worker ends

	accepting, retiring, stopping bool
	opensHalf                     bool // some of its clients become half-open
	lingers                       bool // those that are given up do not leave for long
	lingering                     []halfOpenClient

	cut int // clients that it had when it was told to stop
}

func (w *fakeWorker) Inbox() *Inbox                  { return w.inbox }
func (w *fakeWorker) Counters() *statistics.Counters { return &w.counters }
func (w *fakeWorker) Sample() statistics.Sample {
	return statistics.Sample{Ring: statistics.RingCounts{Enters: 1}, Pool: statistics.PoolUse{Buffers: 2}}
}
func (w *fakeWorker) LongestSilent() (time.Duration, bool) {
	// Now and then it is too early, or something has moved.
	silences := []time.Duration{GiveUpAfter, GiveUpAfter, GiveUpAfter - time.Millisecond}
	return silences[rand.IntN(len(silences))], len(w.halfOpen) > 0
}
func (w *fakeWorker) GiveUpLongestSilent() bool {
	if len(w.halfOpen) == 0 || rand.IntN(4) == 0 {
		return false
	}
	if w.lingers {
		w.lingering = append(w.lingering, w.halfOpen[0])
	} else {
		w.leave(w.halfOpen[0])
	}
	w.halfOpen = w.halfOpen[1:]
	return true
}

type halfOpenClient struct {
	Client
	HalfOpen
}

func (w *fakeWorker) leave(c halfOpenClient) {
	if err := unix.Close(c.FD); err != nil {
		panic(err) // closed twice
	}
	w.counters.Served.Add(1)
	w.crew.Leave(w.index, c.HalfOpen)
}

func (w *fakeWorker) Retire() { w.accepting, w.retiring = false, true }
func (w *fakeWorker) Resume() { w.accepting, w.retiring = true, false }
func (w *fakeWorker) Stop()   { w.accepting, w.stopping = false, true }

// run accepts from the count of clients to come until it is told to stop, and
// faults after that many looks, if not 0.
func (w *fakeWorker) run(t *testing.T, toCome *atomic.Int64, faultAfter int) error {
	route := &forward.Route{Listener: &activation.Listener{Address: "a"}}
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for looks := 1; !w.stopping; looks++ {
		if looks == faultAfter {
			return errFault
		}
		messages, clients := w.inbox.Take()
		for _, message := range messages {
			message()
		}
		w.clients = append(w.clients, clients...)
		if w.stopping {
			w.cut = len(w.clients) + len(w.halfOpen) + len(w.lingering)
		}
		if w.accepting && rng.IntN(8) == 0 && toCome.Add(-1) >= 0 {
			w.accept(t, route)
		}
		if w.retiring && rng.IntN(3) == 0 {
			w.retiring = false
			w.crew.Quiet()
		}
		if rng.IntN(4) == 0 {
			w.closeAll()
		}
		runtime.Gosched()
	}
	w.closeAll()
	for _, c := range append(w.halfOpen, w.lingering...) {
		w.leave(c)
	}
	return nil
}

var errFault = errors.New("fault")

func (w *fakeWorker) accept(t *testing.T, route *forward.Route) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	client := Client{Route: route, FD: fd}
	switch to, verdict := w.crew.Admit(client, w.index, &w.counters); {
	case verdict == Refused:
		unix.Close(fd)
	case verdict == Waits:
	case to != w.index:
		w.crew.HandOver(client, to)
	default:
		w.clients = append(w.clients, client)
	}
}

func (w *fakeWorker) closeAll() {
	for _, client := range w.clients {
		c := halfOpenClient{Client: client}
		if w.crew.services.Gate.Current() > w.crew.services.Gate.Limit() {
			panic("over the limit")
		}
		if w.opensHalf && !w.stopping && rand.IntN(4) == 0 {
			c.HalfOpen = w.crew.BeginHalfOpen(rand.IntN(2) == 0)
			w.halfOpen = append(w.halfOpen, c)
			continue
		}
		w.leave(c)
	}
	w.clients = nil
}

// newCrew is New with a log that nobody reads.
func newCrew(policy *forward.Policy, services Services) *Crew {
	services.Log = slog.New(slog.DiscardHandler)
	services.Reports = report.New(services.Log, policy)
	return New(policy, &services)
}

// playCrew runs a crew of fake workers, does something to it, and checks that all
// come to an end with nothing left over. It returns what Await does, and how many
// clients were cut off.
func playCrew(t *testing.T, clients int64, faultAfter int, meanwhile func(*Crew)) (cut int, fault error) {
	t.Helper()
	return playCrewOf(t, func(*fakeWorker) {}, clients, faultAfter, meanwhile)
}

// playCrewOf is playCrew with workers that are hired differently.
func playCrewOf(t *testing.T, hire func(*fakeWorker), clients int64, faultAfter int, meanwhile func(*Crew)) (cut int, fault error) {
	t.Helper()
	const workers, limit = 4, 10
	before := descriptors(t)
	crew := newCrew(&forward.Policy{Workers: workers, Limits: forward.Limits{Connections: limit}}, Services{Gate: NewGate(limit, nil)})
	for index := range workers {
		inbox, err := NewInbox()
		if err != nil {
			t.Fatal(err)
		}
		w := &fakeWorker{crew: crew, index: index, inbox: inbox, accepting: true}
		hire(w)
		crew.Join(w)
	}
	var toCome atomic.Int64
	toCome.Store(clients)
	ended := make(chan error, workers)
	for index, m := range crew.members {
		go func() {
			fault := 0
			if index == 1 {
				fault = faultAfter
			}
			err := m.(*fakeWorker).run(t, &toCome, fault)
			crew.End(index)
			ended <- err
		}()
	}
	var others sync.WaitGroup
	others.Go(func() { meanwhile(crew) })
	fault = crew.Await(ended)
	others.Wait()
	cut = int(crew.Counters().Of[statistics.Accepted])
	for index, m := range crew.members {
		w := m.(*fakeWorker)
		w.closeAll() // what a worker had when its fault ended it
		cut += w.cut - int(w.counters.Served.Load())
		w.inbox.Close()
		if n := crew.spread.Count(index); n != 0 {
			t.Errorf("worker %d still counts %d connections", index, n)
		}
	}
	if n := crew.services.Gate.Current(); n != 0 {
		t.Errorf("the gate still counts %d connections", n)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
	return cut, fault
}

// descriptors counts this process's.
func descriptors(t *testing.T) (n int) {
	t.Helper()
	for fd := range 1024 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

func TestCrewStops(t *testing.T) {
	for round := range 10 {
		_, err := playCrew(t, 1<<40, 0, func(c *Crew) {
			for c.Counters().Of[statistics.Accepted] < uint64(10*round) {
				time.Sleep(time.Microsecond)
			}
			c.Stop()
		})
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestCrewEndsWithTheFaultOfOne(t *testing.T) {
	for round := range 10 {
		if _, err := playCrew(t, 1<<40, 1+100*round, func(*Crew) {}); err != errFault {
			t.Errorf("ended with %v", err)
		}
	}
}

// TestCrewStopsIfIdle asks again and again, while clients come: none of those that
// were let in may be cut off.
func TestCrewStopsIfIdle(t *testing.T) {
	const clients = 3000
	for range 200 {
		cut, err := playCrew(t, clients, 0, func(c *Crew) {
			for c.Counters().Of[statistics.Accepted] < 10 {
				time.Sleep(time.Microsecond)
			}
			for over := false; !over; {
				c.StopIfIdle()
				c.mu.Lock()
				over = c.phase == phaseStopping
				c.mu.Unlock()
				time.Sleep(time.Microsecond)
			}
		})
		if err != nil {
			t.Errorf("ended with %v", err)
		}
		if cut != 0 {
			t.Errorf("idle, with %d clients", cut)
		}
	}
}

// TestCrewDrains drains while clients come and others ask whether it is idle: none of
// those that were let in may be cut off, and all come to an end by themselves.
func TestCrewDrains(t *testing.T) {
	for round := range 200 {
		cut, err := playCrew(t, 1<<40, 0, func(c *Crew) {
			for c.Counters().Of[statistics.Accepted] < uint64(round) {
				time.Sleep(time.Microsecond)
			}
			var others sync.WaitGroup
			others.Go(c.StopIfIdle)
			others.Go(c.Drain)
			others.Go(c.Drain)
			others.Wait()
		})
		if err != nil {
			t.Errorf("ended with %v", err)
		}
		if cut != 0 {
			t.Errorf("drained, with %d clients", cut)
		}
	}
}

// TestCrewDrainsUntilStopped has a client that stays, and counts how often the crew
// says that it does not listen any more.
func TestCrewDrainsUntilStopped(t *testing.T) {
	stopped := make(chan struct{}, 2)
	crew := newCrew(&forward.Policy{Workers: 1}, Services{Gate: NewGate(2, nil), StoppedAccepting: func() { stopped <- struct{}{} }})
	inbox, err := NewInbox()
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	w := &fakeWorker{crew: crew, inbox: inbox, accepting: true}
	crew.Join(w)
	w.accept(t, &forward.Route{Listener: &activation.Listener{Address: "a"}})
	crew.Drain()
	for _, message := range takeMessages(inbox) {
		message()
	}
	crew.Quiet()
	crew.Drain()
	if len(stopped) != 1 || w.accepting || w.stopping {
		t.Fatalf("stopped %d times, accepting %v, stopping %v", len(stopped), w.accepting, w.stopping)
	}
	w.closeAll()
	for _, message := range takeMessages(inbox) {
		message()
	}
	if !w.stopping {
		t.Error("did not stop after the last connection")
	}
}

func takeMessages(inbox *Inbox) []func() {
	messages, _ := inbox.Take()
	return messages
}
