package kernels

import (
	"slices"
	"testing"
)

// TestResults reads what a suite of each shape writes: with cases below engines, with
// engines alone, without engines; one that skips below, one that hangs.
func TestResults(t *testing.T) {
	s := told{name: "some"}
	for _, line := range []string{
		"=== RUN   TestCases", "=== RUN   TestCases/uring", "=== RUN   TestCases/uring/reset/by-client", "=== RUN   TestCases/uring/matrix",
		"=== RUN   TestCases/uring/matrix/tcp6", "    no IPv6", "--- SKIP: TestCases/uring/matrix/tcp6 (0.00s)",
		"--- PASS: TestCases/uring/matrix (0.00s)", "--- PASS: TestCases/uring/reset/by-client (0.00s)",
		"--- PASS: TestCases/uring (0.00s)", "--- PASS: TestCases (0.00s)",
		"=== RUN   TestEngines", "=== RUN   TestEngines/epoll", "    two bytes are missing",
		"--- FAIL: TestEngines/epoll (0.00s)", "--- FAIL: TestEngines (0.00s)",
		"=== RUN   TestOne", "=== RUN   TestOne/part", "--- PASS: TestOne/part (0.00s)", "--- PASS: TestOne (0.00s)",
		"=== RUN   TestHangs",
	} {
		s.text.WriteString("\x16" + line + "\n")
	}
	results, err := s.results(kernel{Engines: []string{"uring", "epoll"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.engine+": "+r.name+" "+r.outcome)
	}
	want := []string{
		"uring: reset/by-client pass", "uring: matrix skip", "epoll: TestEngines fail", ": TestOne pass", ": TestHangs fail",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
