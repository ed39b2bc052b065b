package load

import (
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/scenario"
)

// Config is what a load process gets at its start.
type Config struct {
	Kind        scenario.Kind `json:"kind"`
	Address     string        `json:"address"` // to connect to, or to listen on: IP:PORT, or a path
	Connections int           `json:"connections"`
	MessageSize int           `json:"message_bytes"`
	Rate        int           `json:"rate"` // messages per second by the clock; 0 is closed loop
	Seed        uint64        `json:"seed"`
}

// Commands to a running load process. The first Snapshot comes without a command: from a
// server when it listens, from a client when its connections work.
const (
	commandMark  = "mark"  // report the counts; latencies cover the time since the last mark
	commandHalt  = "halt"  // send nothing new
	commandDrain = "drain" // drain N: answer when N bytes in total, or all replies, have arrived
	commandQuit  = "quit"
)

// Snapshot is what a load process has counted.
type Snapshot struct {
	Nanoseconds int64           `json:"ns"` // when, by the process's own clock
	Address     string          `json:"address,omitempty"`
	Messages    uint64          `json:"messages"` // complete, since the start
	Sent        uint64          `json:"sent"`     // bytes of payload, since the start
	Received    uint64          `json:"received"` // and checked
	Late        uint64          `json:"late"`     // messages that are due and not complete
	Latency     *result.Latency `json:"latency,omitempty"`
	Errors      []string        `json:"errors,omitempty"` // a few different ones; any error spoils the round
}
