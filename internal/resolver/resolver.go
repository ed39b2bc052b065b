// Package resolver looks up targets off the data path: the caller goes on, and gets the
// answer on another goroutine. Callers that ask for the same target meanwhile share a lookup.
package resolver

import (
	"context"
	"sync"
	"time"

	"uring-socket-proxyd/internal/target"
)

// Resolver looks up targets without blocking the caller.
type Resolver interface {
	// Lookup calls done, once and on another goroutine, with the target's addresses in
	// order of preference. Unless whole is set they may be those of one family, if the
	// name server is slow with the other. done must not block.
	Lookup(t target.Target, whole bool, done func(Answer))
}

// Answer is the result of a lookup.
type Answer struct {
	Addresses []target.Address // at least one if there is no error; must not be changed
	Partial   bool             // the addresses are of one family, and there may be some of the other
	Err       error
}

// resolutionDelay is how long one family is waited for when the other is there
// ("Resolution Delay" in RFC 8305, section 3).
const resolutionDelay = 50 * time.Millisecond

// resolver is the system's, which has one lookup under way for each target at most.
// Connections that ask for the same target meanwhile share the answer, which is as fresh as
// one of their own and bounds lookups, however slow the name server is.
//
// The system asks for both families side by side and puts the addresses in order, but it
// waits for both: for ten seconds, as a rule, if one query gets no answer. So when that
// takes longer than the delay, each family is looked up by itself as well, and those who
// wait get what comes first.
type resolver struct {
	resolve func(context.Context, target.Target, target.Families) ([]target.Address, error)
	delay   time.Duration

	mu      sync.Mutex
	lookups map[string]*lookup // by the target's text
}

// lookup is what is under way for a target.
type lookup struct {
	target  target.Target
	running map[target.Families]bool // that of both while anybody waits
	delay   *time.Timer              // of the one of both
	late    bool                     // that is over
	waiting []waitsForAnswer
}

type waitsForAnswer struct {
	whole bool
	done  func(Answer)
}

// New returns a resolver that uses the system's configuration.
func New() Resolver {
	return newResolver(func(ctx context.Context, t target.Target, families target.Families) ([]target.Address, error) {
		return t.ResolveOnly(ctx, families)
	}, resolutionDelay)
}

func newResolver(resolve func(context.Context, target.Target, target.Families) ([]target.Address, error), delay time.Duration) *resolver {
	return &resolver{resolve: resolve, delay: delay, lookups: make(map[string]*lookup)}
}

// Lookup implements Resolver.
func (r *resolver) Lookup(t target.Target, whole bool, done func(Answer)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lookups[t.String()]
	if l == nil {
		l = &lookup{target: t, running: make(map[target.Families]bool)}
		r.lookups[t.String()] = l
	}
	l.waiting = append(l.waiting, waitsForAnswer{whole, done})
	switch {
	case !l.running[target.Both]:
		r.run(l, target.Both)
		l.late = false
		l.delay = time.AfterFunc(r.delay, func() { r.delayed(l) })
	case l.late && !whole:
		r.split(l)
	}
}

// run begins to look up, under the lock, unless that is under way.
func (r *resolver) run(l *lookup, families target.Families) {
	if l.running[families] {
		return
	}
	l.running[families] = true
	go func() {
		addresses, err := r.resolve(context.Background(), l.target, families)
		for _, one := range r.answered(l, families, err) {
			one.done(Answer{addresses, families != target.Both, err})
		}
	}()
}

// delayed has each family looked up for those who still wait. That it may be called late,
// and for the next ones, does no harm.
func (r *resolver) delayed(l *lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.running[target.Both] {
		l.late = true
		r.split(l)
	}
}

func (r *resolver) split(l *lookup) {
	r.run(l, target.IPv4)
	r.run(l, target.IPv6)
}

// answered returns those who get an answer. That of both families is for all; that of one,
// if there are addresses, for those who do not want the whole.
func (r *resolver) answered(l *lookup, families target.Families, err error) (told []waitsForAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(l.running, families)
	if len(l.running) == 0 {
		delete(r.lookups, l.target.String())
	}
	if families == target.Both {
		l.delay.Stop()
		told, l.waiting = l.waiting, nil
		return told
	}
	if err != nil {
		return nil
	}
	var left []waitsForAnswer
	for _, one := range l.waiting {
		if one.whole {
			left = append(left, one)
		} else {
			told = append(told, one)
		}
	}
	l.waiting = left
	return told
}
