package systemd

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newCgroup makes a control group in each hierarchy that systemd keeps its units
// in, and returns their folders. Without one of its own, a machine would take the
// test's for its root, and would end what other machines run in units of the same
// name.
func newCgroup(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		mounted := ""
		switch {
		case fields[1] == "name=systemd":
			mounted = "/sys/fs/cgroup/systemd"
		case fields[1] == "":
			mounted = unifiedHierarchy()
		}
		if mounted == "" {
			continue
		}
		folder := filepath.Join(mounted, fields[2], name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatalf("a control group for the machine: %v", err)
		}
		t.Cleanup(func() { removeCgroup(t, folder) })
		made = append(made, folder)
	}
	if len(made) == 0 {
		t.Fatalf("no control group hierarchy for systemd in /proc/self/cgroup:\n%s", text)
	}
	return made
}

// unifiedHierarchy is where version 2 is mounted, alone or beside version 1.
func unifiedHierarchy() string {
	for _, folder := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(folder + "/cgroup.procs"); err == nil {
			return folder
		}
	}
	return ""
}

// removeCgroup removes a control group and those that the machine made in it,
// which are empty once it has ended.
func removeCgroup(t *testing.T, folder string) {
	var all []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			all = append(all, path)
		}
		return err
	})
	for i := len(all) - 1; i >= 0 && err == nil; i-- {
		err = os.Remove(all[i])
	}
	if err != nil {
		t.Errorf("the machine's control group is left behind: %v", err)
	}
}

// enterScript moves a shell into control groups, the first arguments up to "--",
// and makes it become the command after.
func enterScript(groups []string, command ...string) []string {
	script := `while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"`
	args := append([]string{"sh", "-ec", script, "sh"}, groups...)
	return append(append(args, "--"), command...)
}

// cgroupName is a name that no other machine has.
func cgroupName(n int64) string { return fmt.Sprintf("proxy-test-%d-%d", os.Getpid(), n) }
