package ring

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
)

// inbox is the one place where other goroutines reach a worker: resolver
// answers and requests to stop. A worker that waits in the kernel is woken
// through an eventfd, which it reads by the ring.
type inbox struct {
	mu       sync.Mutex
	messages []func(*worker)
	closed   bool

	eventfd int
	memory  []byte // the eventfd's counter is read into it
}

func newInbox() (*inbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	memory, err := bufpool.Map(unix.Getpagesize())
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &inbox{eventfd: fd, memory: memory}, nil
}

// post hands a message to the worker, which runs it between two completions. It
// never blocks. After close it does nothing.
func (b *inbox) post(message func(*worker)) {
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

// listen waits for the next message through the ring.
func (w *worker) listen() {
	w.ring.Read(w.inbox.eventfd, uintptr(unsafe.Pointer(&w.inbox.memory[0])), 8, uint64(newUserData(opWake, 0, 0)))
}

// woken runs the messages that have come in.
func (w *worker) woken() {
	w.listen()
	w.inbox.mu.Lock()
	messages := w.inbox.messages
	w.inbox.messages = nil
	w.inbox.mu.Unlock()
	for _, message := range messages {
		message(w)
	}
}

// pending tells whether the worker has messages to run.
func (b *inbox) pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages) > 0
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	unix.Close(b.eventfd)
	bufpool.Unmap(b.memory)
}
