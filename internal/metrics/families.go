package metrics

import (
	"runtime"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/forward"
)

// Source is where the figures come from.
type Source struct {
	Version string
	Policy  *forward.Policy
	Engine  forward.Engine
}

// prefix is the namespace of all metrics but those of the process, whose names are
// common to all programs.
const prefix = "uring_socket_proxyd_"

// write writes all metrics. No label has a value that a client chooses, so their
// number is bounded.
func (s *Source) write(t *text) {
	// The other way round than the engine: it counts what a connection has done before
	// that leaves the gate. So those not open any more have been counted here.
	open := s.Policy.Gate.Current()
	sample := s.Engine.Sample()
	counts := s.Engine.Counters()
	s.about(t)
	s.connections(t, open, &counts)
	t.family(prefix+"forwarded_bytes_total", counter, "Bytes forwarded, by direction.")
	t.sample(prefix+"forwarded_bytes_total", float64(counts.BytesToTarget), label{"direction", "to_target"})
	t.sample(prefix+"forwarded_bytes_total", float64(counts.BytesToClient), label{"direction", "to_client"})
	t.distribution(prefix+"connect_duration_seconds", &forward.ConnectBounds, &counts.Connects,
		"Time from accept until the target was connected, for connections that got there.")
	t.distribution(prefix+"connection_duration_seconds", &forward.LifeBounds, &counts.Lives,
		"Time from accept to close, for connections that have ended.")
	if s.Engine.Name() == "uring" {
		writePool(t, &counts, &sample.Pool)
		writeRing(t, &sample.Ring)
	}
	writeProcess(t)
}

// about says what runs.
func (s *Source) about(t *text) {
	t.family(prefix+"build_info", gauge, "Always 1; the labels give the program's version and the Go release that built it.")
	t.sample(prefix+"build_info", 1, label{"version", s.Version}, label{"goversion", runtime.Version()})
	t.family(prefix+"engine_info", gauge, "Always 1; the labels give the engine and the kernel.")
	t.sample(prefix+"engine_info", 1, label{"engine", s.Engine.Name()}, label{"kernel", kernel()})
	if features := s.Engine.Features(); len(features) > 0 {
		t.family(prefix+"feature_info", gauge, "Always 1, for each optional kernel feature that the engine uses.")
		for _, name := range features {
			t.sample(prefix+"feature_info", 1, label{"feature", name})
		}
	}
	t.single(prefix+"workers", gauge, float64(s.Policy.Workers), "Worker threads, which move the bytes.")
}

// kernel is the release of the running kernel.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// connections tells who came, and what became of them.
func (s *Source) connections(t *text, open int, c *forward.Counts) {
	t.single(prefix+"connections", gauge, float64(open), "Open connections.")
	t.single(prefix+"connections_max", gauge, float64(s.Policy.Gate.Limit()), "Maximum number of open connections.")
	t.single(prefix+"connections_accepted_total", counter, float64(c.Accepted), "Connections admitted.")
	const refused = prefix + "connections_refused_total"
	t.family(refused, counter, "Clients that never reached the target: because of the connection limit, because the target was unreachable, or for lack of a usable PROXY header.")
	t.sample(refused, float64(c.Refused), label{"reason", "limit"})
	t.sample(refused, float64(c.Failed), label{"reason", "target"})
	t.sample(refused, float64(c.BadHeader), label{"reason", "header"})
	t.single(prefix+"connections_broken_total", counter, float64(c.Broken), "Connections that ended with a reset or an error.")
	t.single(prefix+"connections_given_up_total", counter, float64(c.GivenUp), "Connections that one side had left, reset at the limit in favour of new clients.")
	t.single(prefix+"connections_timed_out_total", counter, float64(c.TimedOut), "Connections reset after the idle timeout.")
	t.single(prefix+"target_retries_total", counter, float64(c.Retried), "Times a target was retried.")
}

// writePool tells how much of the buffers that receives pick from is in use.
func writePool(t *text, c *forward.Counts, p *forward.PoolUse) {
	t.single(prefix+"pool_bytes", gauge, float64(p.Bytes), "Total size of the buffers of all workers, in bytes.")
	t.single(prefix+"pool_buffers", gauge, float64(p.Buffers), "Number of buffers of all workers.")
	t.single(prefix+"pool_buffers_available", gauge, float64(p.Available), "Buffers that the kernel can receive into.")
	t.single(prefix+"pool_parked_bytes", gauge, float64(p.Parked), "Bytes of memory outside the pool that hold what slow peers have not taken.")
	t.single(prefix+"pool_starved_total", counter, float64(c.Starved), "Times a receive found no free buffer.")
	t.single(prefix+"pool_parkings_total", counter, float64(c.Parked), "Times a slow peer's bytes were moved out of the pool.")
}

// writeRing tells how much goes through the rings.
func writeRing(t *text, r *forward.RingCounts) {
	t.single(prefix+"ring_enters_total", counter, float64(r.Enters), "Calls to io_uring_enter.")
	t.single(prefix+"ring_submissions_total", counter, float64(r.Submissions), "Operations submitted to the kernel.")
	t.single(prefix+"ring_completions_total", counter, float64(r.Completions), "Completions reaped from the kernel.")
	t.single(prefix+"ring_overflows_total", counter, float64(r.Overflows), "Times a completion queue was found to have overflowed; the kernel keeps what does not fit.")
	t.single(prefix+"ring_dropped_total", counter, float64(r.Dropped), "Completions lost by the kernel for lack of memory.")
	t.single(prefix+"ring_full_total", counter, float64(r.Full), "Times a submission queue was full, which costs an extra call.")
}
