// Package guard counts the system calls that the program makes for a message, a
// block of a stream and a connection. Unlike times, the counts depend little on the
// machine and its other load, so a bound on them catches changes that make the program
// slower.
package guard

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// cases are the loads, with the most calls for a unit of each that are let pass:
// about twice what was seen. If you make the program better, tighten them.
var cases = []struct {
	name, unit         string
	load               load
	uring, on61, epoll float64
}{
	// Seen: 2.01 to 2.13, 2.01 to 2.11, 3.01 to 3.20.
	{"ping-pong", "forwarded message", pingPong, 3, 3, 4.5},
	// Seen: 0.20, 0.20, 2.2. Without batches io_uring is where ping-pong is.
	{"volleys of 64", "forwarded message", volleys, 0.4, 0.4, 3.4},
	// Seen: 0.15 to 1.84, 0.33 to 1.37, 0.56 to 1.33. How much there is to move at a
	// time is up to the scheduler.
	{"stream", "64 KiB", stream, 4, 4, 4},
	// Seen: 12.6 to 14.5, 12.6 to 13.9, 24.1 to 27.9.
	{"connect", "connection", connects, 20, 20, 40},
}

func TestUring(t *testing.T) {
	if !uses(t, "recv-limit") {
		t.Skip("this io_uring cannot bound a multishot recv, so it is as TestUringAsOf61 has it")
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { check(t, harness.Uring, c.load, c.unit, c.uring) })
	}
}

func TestUringAsOf61(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { check(t, harness.On61, c.load, c.unit, c.on61) })
	}
}

func TestEpoll(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { check(t, harness.Epoll, c.load, c.unit, c.epoll) })
	}
}

// TestOriginal has no bounds: its figures are in the log, to compare with.
func TestOriginal(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { count(t, harness.Original, c.load, c.unit, math.Inf(1)) })
	}
}

// check counts, and fails the test if there are too many.
func check(t *testing.T, program *harness.Program, load load, unit string, most float64) {
	t.Helper()
	if each := count(t, program, load, unit, most); each > most {
		t.Errorf("%.3g system calls for each %s, more than %g", each, unit, most)
	}
}

// count counts, again if it has to be less, and logs what it found.
func count(t *testing.T, program *harness.Program, load load, unit string, enough float64) float64 {
	t.Helper()
	proxy, work := load(t, program)
	each := calls(t, proxy.PID(), work, enough)
	t.Logf("%.3g system calls for each %s", each, unit)
	return each
}

// uses reports whether the program uses a feature of io_uring here.
func uses(t *testing.T, feature string) bool {
	t.Helper()
	out, err := exec.Command(harness.Uring.Plain().Executable(t), "--probe=json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Features []struct {
			Toggle string
			Used   bool
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	for _, f := range answer.Features {
		if f.Toggle == feature {
			return f.Used
		}
	}
	t.Fatalf("--probe=json does not know %s:\n%s", feature, out)
	return false
}
