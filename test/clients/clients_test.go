// Package clients runs well-known programs through a real proxy: they expect more of a
// connection than a test would think of. A test is skipped if its program is not
// installed; tools/install-packages installs them.
package clients

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// forEach runs a test against each of our engines.
func forEach(t *testing.T, run func(t *testing.T, p *harness.Program)) {
	t.Parallel()
	for _, p := range harness.Ours {
		t.Run(p.Name, func(t *testing.T) { run(t, p) })
	}
}

// need returns the path of an installed program, or skips.
func need(t *testing.T, name string, elsewhere ...string) string {
	t.Helper()
	for _, candidate := range slices.Concat([]string{name}, elsewhere) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// background starts a program that serves until the test ends.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var output output
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // it is ended by a signal, so its status says nothing
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		if t.Failed() {
			t.Logf("%v wrote:\n%s", cmd.Args, output.String())
		}
	})
}

// awaitListening waits until a program accepts connections at an address. A UNIX
// file may be there before it listens.
func awaitListening(t *testing.T, a harness.Address) {
	t.Helper()
	harness.Until(t, "a server on "+a.Text, func() bool {
		c, err := harness.TryDial(a, harness.SocketOptions{})
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

// run runs a client to its end, which must be a good one.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	// A client that hangs ends with the test, and what hangs is in the message.
	timeout := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	var stderr output
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s\n%s", cmd.Args, err, out, stderr.String())
	}
	return out
}
