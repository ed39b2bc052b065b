package forward

import (
	"context"
	"sync"

	"uring-socket-proxyd/internal/target"
)

// Resolver looks targets up without blocking the caller. Connections that ask
// for the same target while its lookup is under way share the answer, which is
// as fresh as one of their own and bounds lookups to one for each target,
// however slow the name server is.
type Resolver struct {
	mu      sync.Mutex
	waiting map[string][]func([]target.Address, error)
}

// NewResolver returns a resolver that uses the system's configuration.
func NewResolver() *Resolver {
	return &Resolver{waiting: make(map[string][]func([]target.Address, error))}
}

// Lookup calls done with the target's addresses, in order of preference, on
// another goroutine. done must not block and must not change the slice.
func (r *Resolver) Lookup(t target.Target, done func([]target.Address, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting, running := r.waiting[t.String()]
	r.waiting[t.String()] = append(waiting, done)
	if !running {
		go r.resolve(t)
	}
}

func (r *Resolver) resolve(t target.Target) {
	addresses, err := t.Resolve(context.Background())
	r.mu.Lock()
	waiting := r.waiting[t.String()]
	delete(r.waiting, t.String())
	r.mu.Unlock()
	for _, done := range waiting {
		done(addresses, err)
	}
}
