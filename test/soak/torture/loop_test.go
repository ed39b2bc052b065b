package torture

import (
	"container/heap"
	"time"

	"golang.org/x/sys/unix"
)

// loop is what one thread waits for: descriptors, by epoll, and times.
type loop struct {
	epoll    int
	events   [256]unix.EpollEvent
	handlers map[int32]handler // by a number that is never given again
	last     int32
	timers   timers
	again    []*end // have not come to a stop in their turn
}

// handler is told of events, which are edges.
type handler interface{ happened(events uint32) }

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &loop{epoll: fd, handlers: make(map[int32]handler)}, err
}

func (l *loop) close() { unix.Close(l.epoll) }

// add has a handler told of a descriptor's events, until it is closed and forgotten.
func (l *loop) add(fd int, h handler) (number int32, err error) {
	l.last++
	l.handlers[l.last] = h
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: l.last}
	return l.last, unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event)
}

// forget drops events that are still on their way.
func (l *loop) forget(number int32) { delete(l.handlers, number) }

// turn waits for events, timers at most for so long, and handles them.
func (l *loop) turn(longest time.Duration) error {
	n, err := unix.EpollWait(l.epoll, l.events[:], int(l.wait(longest).Milliseconds()))
	if err != nil && err != unix.EINTR {
		return err
	}
	for _, event := range l.events[:max(n, 0)] {
		if h, ok := l.handlers[event.Fd]; ok {
			h.happened(event.Events)
		}
	}
	for len(l.timers) > 0 && !l.timers[0].at.After(time.Now()) {
		heap.Pop(&l.timers).(timer).run()
	}
	again := l.again
	l.again = nil
	for _, e := range again {
		e.inLine = false
		e.advance()
	}
	return nil
}

// wait is how long to sleep: whole milliseconds, and not beyond the next timer.
func (l *loop) wait(longest time.Duration) time.Duration {
	switch {
	case len(l.again) > 0:
		return 0
	case len(l.timers) > 0:
		return max(0, min(longest, time.Until(l.timers[0].at)+time.Millisecond))
	}
	return longest
}

// after has a function called when a time is over.
func (l *loop) after(d time.Duration, run func()) {
	heap.Push(&l.timers, timer{time.Now().Add(d), run})
}

type timer struct {
	at  time.Time
	run func()
}

// timers is a heap, the nearest first.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
