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

func TestThreadsFit(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		if !ThreadsFit(n) {
			t.Errorf("%d threads are said not to fit", n)
		}
	}
}
