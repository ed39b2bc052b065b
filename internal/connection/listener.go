package connection

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/socket"
)

// Listener is a route's listening socket, as its worker sees it.
type Listener struct {
	Index     uint32
	Route     *forward.Route
	Accepting bool // an accept is under way, or the kernel reports clients that come

	pause time.Duration // the last one after an error
	timer *Timer        // ends it
}

// Listener is that of a number.
func (k *Keeper) Listener(index uint32) *Listener { return k.listeners[index] }

// Listen has all listeners accept.
func (k *Keeper) Listen() error {
	for _, l := range k.listeners {
		if err := k.accept(l); err != nil {
			return fmt.Errorf("listening on %s: %w", l.Route.Listener.Address, err)
		}
	}
	return nil
}

// accept has a listener accept, unless it does, pauses, clients wait in line, or the worker
// is about to end.
func (k *Keeper) accept(l *Listener) error {
	if l.Accepting || l.timer.Running() || !k.MayAccept() {
		return nil
	}
	if err := k.mover.Accept(l); err != nil {
		return err
	}
	l.Accepting = true
	return nil
}

// MayAccept tells whether the worker is to accept clients now.
func (k *Keeper) MayAccept() bool { return k.Mode == Serving && len(k.shortage.line) == 0 }

// AcceptAgain has a listener accept, or pause where there is no memory for that.
func (k *Keeper) AcceptAgain(l *Listener) {
	var errno syscall.Errno
	if errors.As(k.accept(l), &errno) {
		k.AcceptFailed(l, errno)
	}
}

func (k *Keeper) acceptAgain() {
	for _, l := range k.listeners {
		k.AcceptAgain(l)
	}
}

// Accepted handles a client that a listener has accepted.
func (k *Keeper) Accepted(l *Listener, fd int) {
	l.pause = 0
	k.admit(l.Route, fd)
}

// AcceptFailed has a listener pause after an error, if need be.
func (k *Keeper) AcceptFailed(l *Listener, errno syscall.Errno) {
	if socket.AboutClient(errno) {
		k.Gate.FoundNobody()
	}
	l.pause = socket.AcceptPause(errno, l.pause)
	k.Reports.AcceptFailed(l.Route.Listener, k.Gate.Current(), errno, l.pause)
	if l.pause > 0 {
		k.pipes.Drop()
		k.stopAccepting(l)
		l.timer.Start(l.pause)
	}
}

func (k *Keeper) stopAccepting(l *Listener) {
	if l.Accepting {
		k.mover.StopAccepting(l)
	}
}

func (k *Keeper) stopAllAccepting() {
	for _, l := range k.listeners {
		k.stopAccepting(l)
	}
}
