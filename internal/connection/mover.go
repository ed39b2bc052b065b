package connection

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
)

// Mover is an engine as its Keeper sees it. None of these calls is made for each message.
type Mover interface {
	// Begin returns the connection of a slot, which is free, with its halves bound to it
	// (Bind), and forgets what the mover knows of the slot's last one. Slots that are new
	// come in order.
	Begin(slot uint32) *Connection
	// Watch watches a client: Heard is called with what the kernel says about it, or
	// ReadHeader once something has come. An error means that memory is short.
	Watch(c *Connection, what Watched) error
	// Connect connects to the address of the target that is being tried, or goes on with a
	// connect that has begun. Then Connected is called, or Reached if progress is Done;
	// neither after an error.
	Connect(c *Connection, progress Progress) error
	// TimeOut gives up a connect. Connected, or ConnectFailed, is called with an ETIMEDOUT.
	TimeOut(c *Connection)
	// Forward prepares to move the bytes of a connection whose target is connected, first
	// those of TakePrologue. Proceed is called with both halves then.
	Forward(c *Connection)
	// Proceed makes a half go on.
	Proceed(h *Half)
	// LetGo gives back what a finished half holds, and ends what is under way for it.
	LetGo(h *Half)
	// AtRest reports whether the kernel has nothing under way any more for a connection
	// that is over. If it has, the mover ends that, and calls Settle again.
	AtRest(c *Connection) bool
	// Close closes a socket, now or with what else is under way.
	Close(fd int)

	listener
	loop
}

// listener is what an engine does for a whole worker.
type listener interface {
	// Accept has a listener accept: Accepted is called with each client, or AcceptFailed.
	// An error is a system call's.
	Accept(l *Listener) error
	// StopAccepting has it stop; it is not Accepting once no more clients can come.
	StopAccepting(l *Listener)
	// StartTimer has a timer expire (Timer.Expire) after d.
	StartTimer(t *Timer, d time.Duration)
	// Looked is called after the worker has looked at all connections: see lookout.go.
	Looked()
}

// Watched is what a client is being watched for.
type Watched uint8

const (
	ForErrors  Watched = iota // from the beginning on
	ForLeaving                // closely, as it waits for the next try to reach its target
	ForHeader                 // until something has come
)

func (w Watched) String() string { return name(int(w), "errors", "leaving", "header") }

// Sockets are the calls on sockets that a Keeper makes; socket.System is the real one.
type Sockets interface {
	Open(family, flags int) (fd int, err error)
	Tune(fd, family int)
	Prepare(fd int)
	Fit(fd, family int, outfit socket.Outfit) error
	Reserve(fd int) (reserved int, err error)
	// Connect connects a non-blocking socket to a sockaddr, and does not wait for it.
	Connect(fd int, sockaddr []byte) syscall.Errno
	ConnectWith(fd int, first []byte, to unix.Sockaddr) (int, syscall.Errno)
	MetItself(fd int, to netip.AddrPort) bool
	Recv(fd int, block []byte) (int, syscall.Errno)
	Peek(fd int, block []byte) (int, syscall.Errno)
	Splice(from, to, n int) (int, syscall.Errno)
	// Receive and SendWith are for descriptors that are passed on.
	Receive(fd int, block []byte) (n int, passed []int, err error)
	SendWith(fd int, block []byte, passed []int) (int, error)
	Pending(fd int) bool
	Names(fd int) (local, peer unix.Sockaddr)
	Peer(fd int) unix.Sockaddr
	Events(fd int, asked int16) int16
	Closed(fd int) bool
	Unsent(fd int) int
	Unanswered(fd int) (owes bool, silent uint32)
	ShutdownRead(fd int)
	ShutdownWrite(fd int)
	ResetOnClose(fd int)
	Close(fd int)
	// CloseApart has another thread close descriptors, and calls done there after that.
	CloseApart(fds []int, done func())
}
