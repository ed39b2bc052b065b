package ring

import "unsafe"

// listen waits for the next message in the inbox, by reading its eventfd.
func (w *worker) listen() {
	w.ring.Read(w.inbox.FD(), uintptr(unsafe.Pointer(&w.wakeups[0])), 8, uint64(newUserData(opWake, 0, 0)))
}

// woken runs the messages and takes the clients that have come in.
func (w *worker) woken() {
	w.listen()
	messages, clients := w.inbox.Take()
	for _, message := range messages {
		message()
	}
	for _, client := range clients {
		w.take(client)
	}
}
