package load

import (
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/scenario"
)

// Config is what a load process is told when it starts.
type Config struct {
	Kind        scenario.Kind `json:"kind"`
	Address     string        `json:"address"` // to connect to, or to listen on: IP:PORT, or a path
	Connections int           `json:"connections"`
	MessageSize int           `json:"message_bytes"`
	Rate        int           `json:"rate"` // messages per second by the clock; 0 is closed loop
	Seed        uint64        `json:"seed"`
}

// What a load process is told while it runs. The first Snapshot comes unasked:
// from a server when it listens, from a client when its connections work.
const (
	commandMark  = "mark"  // say the counts; latencies are of the time since the last mark
	commandHalt  = "halt"  // send nothing new
	commandDrain = "drain" // drain N: answer when N bytes in all, or all replies, have arrived
	commandQuit  = "quit"
)

// Snapshot is what a load process has counted.
type Snapshot struct {
	Nanoseconds int64           `json:"ns"` // when, by the process's own clock
	Address     string          `json:"address,omitempty"`
	Messages    uint64          `json:"messages"` // complete, since the start
	Sent        uint64          `json:"sent"`     // bytes of payload, since the start
	Received    uint64          `json:"received"` // and checked
	Late        uint64          `json:"late"`     // messages whose time has come and that are not complete
	Latency     *result.Latency `json:"latency,omitempty"`
	Errors      []string        `json:"errors,omitempty"` // different ones, a few; any spoils the round
}
