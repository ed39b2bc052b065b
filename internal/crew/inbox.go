package crew

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Inbox is the only way for other goroutines to reach a worker: answers of the resolver,
// requests to stop, clients that other workers have accepted. A worker that waits in the
// kernel is woken through an eventfd, which it reads in its own way before it takes what
// has come.
type Inbox struct {
	eventfd int

	mu       sync.Mutex
	messages []func()
	clients  []Client
	shut     bool
}

// NewInbox returns an inbox; its worker closes it.
func NewInbox() (*Inbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Inbox{eventfd: fd}, nil
}

// FD is the eventfd, a blocking one: readable when there is something.
func (b *Inbox) FD() int { return b.eventfd }

// Post hands a message to the worker, which runs it between two events, unless it
// ends before. It never waits. After Shut it does nothing and reports false.
func (b *Inbox) Post(message func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return false
	}
	b.messages = append(b.messages, message)
	b.wake()
	return true
}

// Hand gives the worker a client, which it owns from then on. After Shut it
// reports false: the client stays the caller's. It never waits.
func (b *Inbox) Hand(c Client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return false
	}
	b.clients = append(b.clients, c)
	b.wake()
	return true
}

// wake makes the eventfd readable for the first thing that has come.
func (b *Inbox) wake() {
	if len(b.messages)+len(b.clients) == 1 {
		// The counter cannot overflow: one for each time the box is emptied.
		_, _ = unix.Write(b.eventfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Take empties the inbox. The worker has read the eventfd before.
func (b *Inbox) Take() ([]func(), []Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages, clients := b.messages, b.clients
	b.messages, b.clients = nil, nil
	return messages, clients
}

// Pending tells whether there is something.
func (b *Inbox) Pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages)+len(b.clients) > 0
}

// Shut lets nothing in from now on and returns the clients that are left. Messages
// are dropped.
func (b *Inbox) Shut() []Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	clients := b.clients
	b.messages, b.clients, b.shut = nil, nil, true
	return clients
}

// Close frees the inbox, which must have been shut if others know of it.
func (b *Inbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = true
	unix.Close(b.eventfd)
}
