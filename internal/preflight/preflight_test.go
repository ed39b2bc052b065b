package preflight

import (
	"strconv"
	"strings"
	"testing"
)

// TestLines holds what is said against what is compared.
func TestLines(t *testing.T) {
	for _, row := range []struct {
		line, setting string
		need          int
	}{
		{threadsLine, "TasksMax= or LimitNPROC=", Threads},
		{addressSpaceLine, "LimitAS=", addressSpace >> 20},
		{dataLine, "LimitDATA=", data >> 20},
	} {
		if !strings.Contains(row.line, " "+strconv.Itoa(row.need)+" ") || !strings.Contains(row.line, row.setting) || strings.Index(row.line, "\n") != len(row.line)-1 {
			t.Errorf("need one line with %d and %s, got %q", row.need, row.setting, row.line)
		}
	}
}

// TestEnds has all threads that were there end, and each be one.
func TestEnds(t *testing.T) {
	ThreadsFit(mostThreads + 1)
	seen := make(map[uint32]bool)
	for i, number := range numbers {
		if number == 0 || seen[number] || running[i] != 0 {
			t.Errorf("thread %d had the number %d, and now %d", i, number, running[i])
		}
		seen[number] = true
	}
	if gate != 1 {
		t.Error("the gate is shut")
	}
}

func TestThreadsFit(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		if !ThreadsFit(n) {
			t.Errorf("%d threads are said not to fit", n)
		}
	}
}

// TestPaths holds that the kernel finds the ends of the paths.
func TestPaths(t *testing.T) {
	for _, path := range []string{nullDevice, rootFolder} {
		if path[0] != '/' || strings.Index(path, "\x00") != len(path)-1 {
			t.Errorf("%q is no path that ends with a zero byte", path)
		}
	}
}
