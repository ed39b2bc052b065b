// Package plan is what the machine and the guests that it boots exchange: the machine
// says what to run, a guest reports the outcome.
package plan

import (
	"encoding/json"
	"time"
)

// Path is where a guest finds its plan, Port where it writes its records, one in a
// line: the second serial port, as the first is the kernel's console.
const (
	Path = "/plan.json"
	Port = "/dev/ttyS1"
)

// Plan is what a guest does before it powers off.
type Plan struct {
	Modules     []string // the kernel's, by path, each after those it needs
	Environment []string // of the suites
	Probe       []string // a command whose output is sent
	Suites      []Suite
	Silence     time.Duration // how long a suite may write nothing before it counts as hung
}

// Suite is an executable to run.
type Suite struct {
	Name, Path string
	Args       []string
}

// Record is one thing that a guest tells.
type Record struct {
	Suite   string          `json:",omitempty"` // what the next three are about
	Output  string          `json:",omitempty"` // written by the suite
	Status  string          `json:",omitempty"` // how the suite ended, "exit status 0" if well
	Figures json.RawMessage `json:",omitempty"` // what the suite counted
	Probe   string          `json:",omitempty"`
	Trouble string          `json:",omitempty"` // the guest could not do this
	Done    bool            `json:",omitempty"` // comes last, with the next
	Taint   uint64          `json:",omitempty"` // the kernel's, see Documentation/admin-guide/tainted-kernels.rst
}
