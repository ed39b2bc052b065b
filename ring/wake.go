package ring

import (
	"fmt"
	"syscall"
	"unsafe"
)

// listen waits for the next message in the inbox, by reading its eventfd.
func (w *worker) listen() {
	w.ring.Read(w.Box.FD(), uintptr(unsafe.Pointer(&w.wakeups[0])), 8, uint64(newUserData(opWake, 0, 0)))
}

// woken runs the messages and takes the clients that have come in. Without the inbox
// a worker can neither be told to stop nor learn of addresses, so it must not go on.
func (w *worker) woken(errno syscall.Errno) {
	switch errno {
	case 0, syscall.EINTR, syscall.EAGAIN, syscall.ECANCELED, syscall.ENOMEM:
	default:
		w.fault = fmt.Errorf("io_uring: reading the inbox: %w", errno)
		return
	}
	w.listen()
	w.TakeAll()
}
