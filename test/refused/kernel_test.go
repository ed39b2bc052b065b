package refused

import (
	"os"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// TestKernel checks which engine is used on a kernel. The suite that boots kernels says in
// $TEST_ENGINE which one that must be: otherwise nothing would notice a program that
// refuses what it has.
func TestKernel(t *testing.T) {
	auto := &harness.Program{Name: "auto", Graceful: true, Find: harness.Uring.Find}
	switch engine := os.Getenv("TEST_ENGINE"); engine {
	case "":
		t.Skip("TEST_ENGINE is not set: it is not known what this kernel must have")
	case "uring":
		if answer := probe(t, auto); answer.Engine != "uring" {
			t.Errorf("it takes %q because of %q", answer.Engine, answer.Reason)
		}
	case "epoll":
		const reason = "this kernel is too old"
		fallsBack(t, auto, reason)
		failsWhenAsked(t, auto, reason)
	default:
		t.Fatalf("TEST_ENGINE=%s: want uring or epoll", engine)
	}
}
