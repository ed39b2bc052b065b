package ring

import "unsafe"

// listen waits for the next message in the inbox, by reading its eventfd.
func (w *worker) listen() {
	w.ring.Read(w.inbox.FD(), uintptr(unsafe.Pointer(&w.wakeups[0])), 8, uint64(newUserData(opWake, 0, 0)))
}

// woken runs the messages that have come in.
func (w *worker) woken() {
	w.listen()
	for _, message := range w.inbox.Take() {
		message()
	}
}
