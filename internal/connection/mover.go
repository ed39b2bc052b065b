package connection

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// Mover is an engine as its Keeper sees it. None of these calls is made for a message.
type Mover interface {
	// NewSlot returns a connection that is bound to two halves, for a slot of the next
	// number.
	NewSlot() *Connection
	// Begin forgets what the mover knows of a slot's last connection.
	Begin(c *Connection)
	connector
	closer

	// Accept has a listener accept: Accepted is called with each client, or AcceptFailed.
	// An error is a system call's.
	Accept(l *Listener) error
	// StopAccepting has it stop; it is not Accepting once no more clients can come.
	StopAccepting(l *Listener)
	// DropPipes gives descriptors back that are kept for streams to come, and tells whether
	// there were any.
	DropPipes() bool
	// NewTimer returns a timer that calls fire on the worker.
	NewTimer(fire func()) Timer
}

// Timer is one of a worker's few.
type Timer interface {
	// Start has it fire once, after d. It must not be running.
	Start(d time.Duration)
	Running() bool
}

// connector is what an engine does on the way to a target.
type connector interface {
	// Watch has a new client watched, so that its leaving is noticed in time. An error is
	// for want of memory.
	Watch(c *Connection) error
	// WatchLeaving has it watched closely, while it waits for the next try.
	WatchLeaving(c *Connection)
	// AwaitHeader has ReadHeader called when something has come from a client.
	AwaitHeader(c *Connection)
	// Open returns a socket that Connect can connect to an address.
	Open(c *Connection, address *target.Address) (fd int, err error)
	// Connect connects the target to the address being tried, or goes on where that has
	// begun. Connected, or Reached if it is Done, is called then; not after an error.
	Connect(c *Connection, progress Progress) error
	// TimeOut gives a connect up. Connected, or ConnectFailed, is called with an ETIMEDOUT.
	TimeOut(c *Connection)
	// Forward begins to move the bytes of a connection, first those that have gone ahead
	// (TakeEarly) or are to (TakePrologue).
	Forward(c *Connection)
}

// closer is what an engine does at the end of a connection, or of one of its halves.
type closer interface {
	// Receives tells whether a half receives from its source what that may have sent.
	Receives(h *Half) bool
	// Holds tells whether something that was received is still to be sent.
	Holds(c *Connection) bool
	// Proceed has a half go on: it was closing descriptors, or its source has failed.
	Proceed(h *Half)
	// PeerGone handles the peer of a half's source that has closed a UNIX socket altogether:
	// nothing can be delivered to it any more. EndForNobody sees to that, at once or when
	// what is being sent has been. What the peer has sent still is.
	PeerGone(h *Half)
	// NotForLong has a half whose source is broken go on only as long as its destination
	// takes what came before.
	NotForLong(h *Half)
	// LetGo gives back what a half holds that is done, and ends what is under way for it.
	LetGo(h *Half)
	// AtRest tells whether the kernel knows of nothing that is under way for a connection
	// that is over. If it does, the mover ends that, and calls Settle again.
	AtRest(c *Connection) bool
	// Close closes a socket, now or with what else is under way.
	Close(fd int)
}

// Sockets are the calls on sockets that a Keeper makes; socket.System is the real one, but
// for Connect.
type Sockets interface {
	Tune(fd, family int)
	Prepare(fd int)
	Fit(fd, family int, outfit socket.Outfit) error
	Reserve(fd int) (reserved int, err error)
	// Connect connects a non-blocking socket, and does not wait for it.
	Connect(fd int, to *target.Address) syscall.Errno
	ConnectWith(fd int, first []byte, to unix.Sockaddr) (int, syscall.Errno)
	MetItself(fd int, to netip.AddrPort) bool
	Recv(fd int, block []byte) (int, syscall.Errno)
	Peek(fd int, block []byte) (int, syscall.Errno)
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
