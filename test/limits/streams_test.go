package limits

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// TestNoStreams starts the program with its standard streams closed, in a root without
// /dev/null, where Go's runtime gives up. It serves, and descriptors that it opens do not
// become one of the streams.
func TestNoStreams(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to change the root")
	}
	for _, program := range []*harness.Program{harness.Uring, harness.Epoll} {
		t.Run(program.Name, func(t *testing.T) {
			root := t.TempDir()
			executable := program.Plain().Executable(t)
			if out, err := exec.Command("cp", executable, filepath.Join(root, "program")).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			script := filepath.Join(t.TempDir(), "closed")
			text := fmt.Sprintf("#!/bin/sh\nexec chroot %s /program \"$@\" <&- >&- 2>&-\n", root)
			if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			closed := &harness.Program{Name: program.Name, Args: program.Args, Graceful: true, Find: func(testing.TB) string { return script }}
			target := harness.Serve(t, harness.TCP4, harness.Echo)
			proxy := harness.StartProxyWith(t, closed, harness.TCP4, harness.Options{Args: []string{target.Target()}, MayFail: true})
			if !serves(proxy) {
				t.Error("it does not serve")
			}
			for stream := range 3 {
				if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", proxy.PID(), stream)); err != nil || to != root {
					t.Errorf("stream %d is %q (%v), want the root", stream, to, err)
				}
			}
			proxy.Signal(15)
			if status := proxy.AwaitExit(); status != "exit status 0" {
				t.Errorf("ended with %s", status)
			}
		})
	}
}
