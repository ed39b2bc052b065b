package forward

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Inbox is the one place where other goroutines reach a worker: resolver answers
// and requests to stop. A worker that waits in the kernel is woken through an
// eventfd, which it reads in its own way before it takes the messages.
type Inbox struct {
	eventfd int

	mu       sync.Mutex
	messages []func()
	closed   bool
}

// NewInbox returns an inbox; its worker closes it.
func NewInbox() (*Inbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Inbox{eventfd: fd}, nil
}

// FD is the eventfd, a blocking one: readable when there are messages.
func (b *Inbox) FD() int { return b.eventfd }

// Post hands a message to the worker, which runs it between two events. It never
// waits. After Close it does nothing.
func (b *Inbox) Post(message func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.messages = append(b.messages, message)
	if len(b.messages) == 1 {
		// The counter cannot overflow: one for each time the box is emptied.
		_, _ = unix.Write(b.eventfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Take empties the inbox. The worker has read the eventfd before.
func (b *Inbox) Take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := b.messages
	b.messages = nil
	return messages
}

// Pending tells whether there are messages.
func (b *Inbox) Pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages) > 0
}

// Close drops what comes from now on.
func (b *Inbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	unix.Close(b.eventfd)
}
