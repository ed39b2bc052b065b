package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// TestLimits puts a child into a group with limits of its own, as a service manager does.
func TestLimits(t *testing.T) {
	if os.Getenv("CGROUP_CHILD") != "" {
		child(t)
		return
	}
	for _, row := range []struct {
		controller string
		files      [2]string // of version 2 and 1
		limit      string
	}{
		{"memory", [2]string{"memory.max", "memory.limit_in_bytes"}, strconv.Itoa(300 << 20)},
		{"pids", [2]string{"pids.max", "pids.max"}, "100"},
	} {
		t.Run(row.controller, func(t *testing.T) {
			outer := harness.Group(t, row.controller, row.files[0], row.files[1], row.limit)
			inner := filepath.Join(outer, "inner") // has no limit, but its parent's holds
			if err := os.Mkdir(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Remove(inner) })
			// The shell joins the group before it becomes the child.
			cmd := exec.Command("/bin/sh", "-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, inner, os.Args[0], "-test.run=^TestLimits$")
			cmd.Env = append(os.Environ(), "CGROUP_CHILD="+row.controller)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func child(t *testing.T) {
	switch os.Getenv("CGROUP_CHILD") {
	case "memory":
		if bytes, ok := Memory(); !ok || bytes != 300<<20 {
			t.Errorf("Memory() = %d, %v", bytes, ok)
		}
	case "pids":
		if more, ok := Tasks(); !ok || more > 99 || more < 50 {
			t.Errorf("Tasks() = %d, %v", more, ok)
		}
	}
}
