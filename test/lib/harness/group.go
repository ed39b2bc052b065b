package harness

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

// groups numbers those of a test.
var groups atomic.Int64

// Group makes a control group with a limit, in the hierarchy that has its controller, and
// returns its folder, which is removed with the test. v2 and v1 are the limit's file in
// either version. It skips the test where none can be made.
func Group(t testing.TB, controller, v2, v1, limit string) (folder string) {
	t.Helper()
	const root = "/sys/fs/cgroup"
	name := "limits-" + strconv.Itoa(os.Getpid()) + "-" + controller + "-" + strconv.FormatInt(groups.Add(1), 10)
	files := []string{v2, v1}
	for i, base := range []string{root, filepath.Join(root, controller)} {
		folder = filepath.Join(base, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(folder) })
		// Where the folder above is none of a hierarchy, neither is this one; where the
		// controller is not delegated, the file is missing.
		file, err := os.OpenFile(filepath.Join(folder, files[i]), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, err = file.WriteString(limit)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	t.Skipf("no control group can be made for %s", controller)
	return ""
}

// MemoryGroup is a Group whose processes may use so many bytes together.
func MemoryGroup(t testing.TB, bytes int64) (folder string) {
	t.Helper()
	return Group(t, "memory", "memory.max", "memory.limit_in_bytes", strconv.FormatInt(bytes, 10))
}
