// Package result holds what a benchmark run found, in the form that is written as JSON.
// The file is the interface between running and reporting, and between versions:
// Version counts incompatible changes, and docs/benchmark-schema.json describes the file
// for other programs.
package result

import "time"

// Version is the version of the JSON's layout.
const Version = 1

// Run is one run of the suite: every scenario, every peer, every round.
type Run struct {
	Version   int       `json:"version"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"` // how long the whole run took
	Command   []string  `json:"command"` // the command that made it
	Seed      uint64    `json:"seed"`    // of the payload and of the bootstrap
	Machine   Machine   `json:"machine"`
	Peers     []Peer    `json:"peers"`
	Scenarios []Table   `json:"scenarios"`
}

// Machine is what the run was made on.
type Machine struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	Go     string `json:"go"`
}

// Peer is a forwarder that was measured, or was missing.
type Peer struct {
	Name    string   `json:"name"`              // "direct", "original", "socat", "haproxy", "nginx", "gocopy", "uring", "uring-busy", "epoll"
	Version string   `json:"version,omitempty"` // as the program prints it
	Command []string `json:"command,omitempty"` // full command line
	Config  string   `json:"config,omitempty"`  // contents of its configuration file
	Missing string   `json:"missing,omitempty"` // why it was not measured
}

// Table is one scenario with a row for each peer that takes part.
type Table struct {
	Name        string   `json:"name"`        // "echo-64"
	Description string   `json:"description"` // one sentence
	Connections int      `json:"connections"`
	MessageSize int      `json:"message_bytes"`
	Loop        string   `json:"loop"` // "closed", or "open" at Rate
	Rate        int      `json:"rate,omitempty"`
	Seconds     float64  `json:"seconds_per_round"`
	Rows        []Row    `json:"rows"`
	Flags       []string `json:"flags,omitempty"` // what a reader must know, such as "direct is not faster than uring"
}

// Row is what one peer did in one scenario, round by round.
type Row struct {
	Peer    string  `json:"peer"`
	Rounds  []Round `json:"rounds"`
	Invalid string  `json:"invalid,omitempty"` // why the row does not count: errors, bytes lost or altered
	Skipped string  `json:"skipped,omitempty"` // why there are no rounds: what the peer cannot do
}

// Round is one measurement. Figures that a scenario does not have are absent
// (nil), never zero.
type Round struct {
	// Rate is messages, connections or bytes per second, depending on the scenario.
	Rate    *float64 `json:"rate,omitempty"`
	Unit    string   `json:"unit,omitempty"` // "req/s", "conn/s", "B/s"
	Latency *Latency `json:"latency,omitempty"`
	// CPU is the proxy's time (user and system, all processes, threads and
	// children) per unit of work: seconds per GB or per million requests or
	// per thousand connections.
	CPU         *float64 `json:"cpu,omitempty"`
	CPUUnit     string   `json:"cpu_unit,omitempty"` // "s/GB", "s/Mreq", "s/kconn"
	PeakRSS     *int64   `json:"peak_rss_bytes,omitempty"`
	Descriptors *int     `json:"descriptors,omitempty"` // of the proxy, at the peak
	// Syscalls is counted while connections warm up, because counting slows them
	// down; in a stream, a message is a write of 64 KiB.
	Syscalls *float64 `json:"syscalls_per_message,omitempty"`
	// For idle-3000: bytes of system memory and descriptors for each idle
	// connection, and wake-ups of the proxy per second while idle.
	IdleBytes       *float64 `json:"idle_bytes,omitempty"`
	IdleDescriptors *float64 `json:"idle_descriptors,omitempty"`
	IdleWakeups     *float64 `json:"idle_wakeups_per_second,omitempty"`
	// For activate: from connect on the listener to the first byte back.
	ActivateSeconds *float64 `json:"activate_seconds,omitempty"`
	Errors          []string `json:"errors,omitempty"` // each makes the row invalid
}

// Latency is from a round's HDR histogram, in microseconds.
type Latency struct {
	P50  float64 `json:"p50_us"`
	P90  float64 `json:"p90_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p99_9_us"`
	Max  float64 `json:"max_us"`
	// Curve is the distribution for plots: quantile and microseconds.
	Curve []Point `json:"curve,omitempty"`
}

// Point is a point of a latency curve.
type Point struct {
	Quantile float64 `json:"q"`
	Micros   float64 `json:"us"`
}
