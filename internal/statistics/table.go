package statistics

// Prefix begins the names of all metrics except those of the process.
const Prefix = "uring_socket_proxyd_"

// Metric is how --metrics= reports a figure.
type Metric struct {
	Name         string // without Prefix
	Label, Value string // distinguish it from others with the same name, in any order; empty if it has none
	Help         string // the same for all with the same name
	Uring        bool   // only reported by the io_uring engine
}

// ID is the index of a counter in the table.
type ID int

// The counters that are reported.
const (
	Accepted ID = iota
	Refused
	Failed
	Broken
	BytesToTarget
	BytesToClient
	TimedOut
	Retried
	GivenUp
	BadHeader
	Starved
	Parked
	Stale
	Passed
	totals = iota
)

// Total is a counter with its names in all places where it is reported.
type Total struct {
	Metric
	Key string // in the log
	of  func(*Counters) *Counter
}

// A refused client is one that never gets to the target, for one of three reasons. The log
// has a key for each of them; the key for the limit is "refused".
const (
	refused     = "connections_refused_total"
	refusedHelp = "Clients that never reached the target: because of the connection limit, because the target was unreachable, or for lack of a usable PROXY header."
	bytesMoved  = "forwarded_bytes_total"
	bytesHelp   = "Bytes forwarded, by direction."
)

// Refusals are the reasons for a refusal.
var Refusals = [...]ID{Refused, Failed, BadHeader}

// Totals is the table of the counters, in the order of the log.
var Totals = [totals]Total{
	Accepted: {Metric{Name: "connections_accepted_total", Help: "Connections admitted."}, // whichever worker serves them
		"accepted", func(c *Counters) *Counter { return &c.Accepted }},
	Refused: {Metric{Name: refused, Label: "reason", Value: "limit", Help: refusedHelp},
		"refused", func(c *Counters) *Counter { return &c.Refused }},
	Failed: {Metric{Name: refused, Label: "reason", Value: "target", Help: refusedHelp},
		"failed", func(c *Counters) *Counter { return &c.Failed }},
	Broken: {Metric{Name: "connections_broken_total", Help: "Connections that ended with a reset or an error."},
		"broken", func(c *Counters) *Counter { return &c.Broken }},
	BytesToTarget: {Metric{Name: bytesMoved, Label: "direction", Value: "to_target", Help: bytesHelp},
		"bytes-to-target", func(c *Counters) *Counter { return &c.BytesToTarget }},
	BytesToClient: {Metric{Name: bytesMoved, Label: "direction", Value: "to_client", Help: bytesHelp},
		"bytes-to-client", func(c *Counters) *Counter { return &c.BytesToClient }},
	TimedOut: {Metric{Name: "connections_timed_out_total", Help: "Connections reset after the idle timeout."},
		"timed-out", func(c *Counters) *Counter { return &c.TimedOut }},
	Retried: {Metric{Name: "target_retries_total", Help: "Times a target was retried."},
		"retried", func(c *Counters) *Counter { return &c.Retried }},
	GivenUp: {Metric{Name: "connections_given_up_total", Help: "Connections that one side had left, reset at the limit in favour of new clients."},
		"given-up", func(c *Counters) *Counter { return &c.GivenUp }},
	BadHeader: {Metric{Name: refused, Label: "reason", Value: "header", Help: refusedHelp},
		"bad-headers", func(c *Counters) *Counter { return &c.BadHeader }},
	Starved: {Metric{Name: "pool_starved_total", Help: "Times a receive found no free buffer.", Uring: true},
		"starved", func(c *Counters) *Counter { return &c.Starved }},
	Parked: {Metric{Name: "pool_parkings_total", Help: "Times a slow peer's bytes were moved out of the pool.", Uring: true},
		"parked", func(c *Counters) *Counter { return &c.Parked }},
	Stale: {Metric{Name: "stale_events_total", Help: "Events and completions that arrived after their connection had ended."},
		"stale-events", func(c *Counters) *Counter { return &c.Stale }},
	Passed: {Metric{Name: "passed_descriptors_total", Help: "Descriptors passed on."},
		"passed-descriptors", func(c *Counters) *Counter { return &c.Passed }},
}

// Times is a histogram as --metrics= reports it.
type Times struct {
	Metric
	Bounds *Bounds
	Of     func(*Counts) *Distribution
}

// The two histograms.
var (
	ConnectTimes = Times{Metric{Name: "connect_duration_seconds", Help: "Time from accept until the target was connected, for connections that got there."},
		&ConnectBounds, func(c *Counts) *Distribution { return &c.Connects }}
	LifeTimes = Times{Metric{Name: "connection_duration_seconds", Help: "Time from accept to close, for connections that have ended."},
		&LifeBounds, func(c *Counts) *Distribution { return &c.Lives }}
)
