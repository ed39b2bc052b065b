// Package forward says what an engine is given and what it must do: the settings of a run,
// in a [Policy], and the contract that both engines keep, [Engine].
//
// The words are the same everywhere: a listener accepts a client, a connection joins the
// client to a target, and each direction of the connection is a half.
//
// Invariants:
//
//   - A [Policy] is settings only, and does not change once the engine runs, so any thread
//     can read it.
//   - What is decided from settings alone is a method on them. What needs more is in the
//     packages above: whom to admit in package crew, the life of a connection in package
//     connection, what is logged in package report.
package forward

import "uring-socket-proxyd/internal/statistics"

// Engine moves bytes according to a Policy. Both engines keep the same promises:
//
//   - End of stream is forwarded: a half that has delivered everything shuts down the
//     other side's write direction, and the opposite half goes on.
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
	// meanwhile, return; otherwise Run goes on. From any goroutine.
	StopIfIdle()
	// Drain makes Run stop accepting, and return once the connections that are
	// there have ended. From any goroutine; Stop ends it earlier.
	Drain()
	// Name is the engine's name as in --engine=.
	Name() string
	// Features are the optional features of the kernel that it uses, by their names in
	// --ring-features=.
	Features() []string
	// Counters are its counts since start, of all workers; anyone may read them.
	Counters() statistics.Counts
	// Sample asks all workers how they are. From any goroutine.
	Sample() statistics.Sample
}
