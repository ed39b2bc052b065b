// Package forward holds what does not depend on the engine: routes, limits, the
// admission gate and idle clock, what workers agree on, name resolution off the data
// path, and the lines that are logged. An engine moves the bytes; this
// package decides.
//
// The words are the same everywhere: a listener accepts a client, a connection
// joins the client to a target, each direction of it is a half.
//
// Invariants:
//
//   - A [Policy] does not change once the engine runs, but for its atomic parts: the
//     [Gate], and what bounds the lines that are logged.
//   - Whoever is let in by [Crew.Admit] gives the place back exactly once, by
//     [Crew.Leave] or [Crew.Dismiss].
//   - What other threads have for a worker goes through its [Inbox] and runs on its
//     own thread. A [statistics.Counter] is written by its worker alone, and read by anyone.
//   - Nothing here waits on a worker's thread: not for the resolver, the log, the
//     service manager, or whoever asks for metrics.
package forward

import (
	"log/slog"
	"time"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/statistics"
	"uring-socket-proxyd/internal/target"
)

// Engine moves bytes according to a Policy. Both engines keep the same promises:
//
//   - End of stream is forwarded: a half that has delivered everything shuts the
//     other side's write direction down, and the reverse half lives on.
//   - A broken transfer never looks complete: when one side fails, the other is
//     reset, after the bytes received before the failure have been sent. What
//     its peer has not taken by then may be lost, as with any reset.
//   - A half holds at most Limits.BufferSize bytes that its destination has not
//     taken, plus what the kernel had already handed over; then it stops reading.
//   - A fault in one connection never ends the engine.
type Engine interface {
	// Run serves until Stop, until StopIfIdle finds no connection, or until the
	// last connection has ended if there is no listener, and returns nil; or it
	// returns the fault that ended it. Called once.
	Run() error
	// Stop makes Run stop accepting, reset what is still connected, and
	// return. It may be called from any goroutine, more than once.
	Stop()
	// StopIfIdle makes Run stop accepting and, if no connection slipped in
	// meanwhile, return; else Run goes on. From any goroutine.
	StopIfIdle()
	// Drain makes Run stop accepting, and return once the connections that are
	// there have ended. From any goroutine; Stop ends it earlier.
	Drain()
	// Name is the engine's name as in --engine=.
	Name() string
	// Features are the features of the kernel that it has a choice about and uses,
	// by their names in --ring-features=.
	Features() []string
	// Counters are its counts since start, of all workers; anyone may read them.
	Counters() statistics.Counts
	// Sample asks all workers how they are. From any goroutine.
	Sample() statistics.Sample
}

// Route leads from a listener to the target of its connections.
type Route struct {
	Listener *activation.Listener // closed by its owner after Run has returned; one in Policy.Routes is open
	Target   target.Target
}

// Limits are the explicit bounds of everything.
type Limits struct {
	Connections int // simultaneous connections let in
	BufferSize  int // bytes that a half may hold before it stops reading
	PoolSize    int // bytes of a worker's buffer pool, in the io_uring engine
	Unsent      int // bytes that a socket may hold that its peer does not take, about; 0 leaves that to the kernel
	Descriptors int // RLIMIT_NOFILE; 0 if it is not to be reckoned with
	Passed      int // descriptors that a half may hold to pass them on: those of one message, or 0 if none are passed on
}

// Turn is how many bytes a stream may move before others get their turn. A stream
// is drained as far as that goes: its peers are then woken once for much, not often
// for little, and waking them is what costs. 256 KiB took twice the CPU of 4 MiB,
// more gained nothing.
const Turn = 4 << 20

// The defaults of Limits, in bytes.
const (
	DefaultBufferSize = 1 << 20
	DefaultPoolSize   = 8 << 20
)

// MaxWorkers bounds Policy.Workers.
const MaxWorkers = 64

// Policy is what an engine needs to know. It is made once, before the engine,
// and shared by all its workers.
type Policy struct {
	Routes   []Route
	Accepted []Client // passed to the program; the engine's from Run on
	Limits   Limits
	Timeouts Timeouts
	// Keepalive is as in socket.System.
	Keepalive time.Duration
	Workers   int // threads that move bytes, from 1 to MaxWorkers
	Gate      *Gate
	Resolver  Resolver
	Log       *slog.Logger
	BusyPoll  time.Duration // for how long workers poll before they sleep; 0 is not at all
	Heart     *Heart        // watchdog keep-alives; nil without a watchdog
	Pulse     *Pulse        // has the service manager told how it is going; nil without one
	Deaf      func()        // called once when a drain has stopped all accepting: nobody uses the listeners any more; may be nil

	ProxyProtocol ProxyProtocol
	Outbound      Outbound

	LogConnections bool // a line for each connection at its end
	// Timed makes workers count how long connections take, which costs three looks
	// at the clock for each.
	Timed bool

	throttles [troubles]throttle
}
