package report

import (
	"strings"
	"testing"

	"uring-socket-proxyd/bench/result"
)

func compared(t *testing.T, old, new *result.Run) string {
	t.Helper()
	var out strings.Builder
	if err := Compare(&out, old, new); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// single is a run of one scenario.
func single(rows ...result.Row) *result.Run {
	return &result.Run{Version: result.Version, Scenarios: []result.Table{{Name: "echo-1", Loop: "closed", Rows: rows}}}
}

func TestCompare(t *testing.T) {
	broken := rated("socat", 1)
	broken.Invalid = "lost bytes"
	old := single(rated("uring", 10, 10, 11, 10, 10), rated("epoll", 10, 11, 12, 13, 14), rated("nginx", 20, 20, 20, 20, 21), rated("socat", 5, 5))
	new := single(rated("uring", 20, 20, 22, 20, 20), rated("epoll", 11, 10, 13, 12, 14), rated("nginx", 10, 10, 10, 10, 11), broken, rated("haproxy", 3))
	text := strings.Join(strings.Fields(compared(t, old, new)), " ")
	for _, want := range []string{
		"uring throughput 10.0 req/s 20.0 req/s 2.00× (1.82 to 2.20) better",
		"nginx throughput 20.0 req/s 10.0 req/s 0.500×", ") worse", "epoll throughput 12.0 req/s 12.0 req/s 1.00×", ") same",
		"socat the new row is invalid: lost bytes", "haproxy only in the new run",
		"3 figures compared: 1 better, 1 worse, 1 same",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the comparison lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "warning") {
		t.Errorf("runs of one machine are warned about:\n%s", text)
	}
}

// TestCompareFromZero: what was nothing and is something counts as worse, and no figure
// that a run has is passed over in silence.
func TestCompareFromZero(t *testing.T) {
	idle := func(wakeups ...float64) result.Row {
		row := rated("uring", 10, 10, 10, 10, 10)
		for i := range wakeups {
			row.Rounds[i].IdleWakeups = &wakeups[i]
		}
		return row
	}
	for _, c := range []struct {
		old, new result.Row
		want     []string
	}{
		{idle(0, 0, 0, 0, 0), idle(500, 501, 502, 503, 504), []string{"uring wake-ups while idle 0/s 502/s from zero worse", "2 figures compared: 0 better, 1 worse, 1 same"}},
		{idle(500, 501, 502, 503, 504), idle(0, 0, 0, 0, 0), []string{"uring wake-ups while idle 502/s 0/s 0× (0 to 0) better", "1 better, 0 worse"}},
		{idle(0, 0, 0, 0, 0), idle(0, 0, 0, 0, 0), []string{"uring wake-ups while idle 0/s 0/s 1.00× (1.00 to 1.00) same", "2 figures compared: 0 better, 0 worse, 2 same"}},
		{idle(0, 0, 0), idle(7, 7, 7), []string{"uring wake-ups while idle 0/s 7/s from zero too few rounds", "1 without a verdict"}},
		{idle(), idle(7, 7, 7), []string{"uring wake-ups while idle only in the new run", "1 figure compared"}},
		{idle(7, 7, 7), idle(), []string{"uring wake-ups while idle only in the old run", "1 figure compared"}},
	} {
		text := strings.Join(strings.Fields(compared(t, single(c.old), single(c.new))), " ")
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("the comparison lacks %q:\n%s", want, text)
			}
		}
	}
}

func TestCompareWarnsOfOtherMachines(t *testing.T) {
	old, new := fabricated(1, 5), fabricated(2, 5)
	new.Machine.Kernel = "Linux 7.0.0-other"
	new.Peers[2].Version = "version 2"
	text := compared(t, old, new)
	for _, want := range []string{
		"warning: the runs are from different machines: kernel was Linux 6.18.0-made-up, is Linux 7.0.0-other", `warning: socat was "version 1.0`,
		"the old row is invalid: socat: 3 of 1,000",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
}

func TestCompareRefusesOtherLayouts(t *testing.T) {
	old, new := fabricated(1, 5), fabricated(2, 5)
	old.Version = 7
	var out strings.Builder
	if err := Compare(&out, old, new); err == nil || !strings.Contains(err.Error(), "version 7") || out.Len() > 0 {
		t.Errorf("layouts 7 and 1 were compared: %v", err)
	}
}

func TestCompareLeavesOutWhatIsNotTheSame(t *testing.T) {
	old, new := fabricated(1, 5), fabricated(2, 5)
	new.Scenarios[0].Connections = 2
	new.Scenarios = append(new.Scenarios[:12], opened(new))
	text := compared(t, old, new)
	for _, want := range []string{"echo-1: not compared", "echo-64, open loop at 20,000/s: only in the new run", "unix-stream-8: only in the old run"} {
		if !strings.Contains(text, want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
}
