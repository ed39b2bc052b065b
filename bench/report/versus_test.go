package report

import (
	"testing"

	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/stats"
)

// rated is a row with these rates, round by round.
func rated(peer string, rates ...float64) result.Row {
	row := result.Row{Peer: peer}
	for _, rate := range rates {
		row.Rounds = append(row.Rounds, result.Round{Rate: &rate, Unit: "req/s"})
	}
	return row
}

func TestBestOther(t *testing.T) {
	broken := rated("nginx", 90, 90, 90, 90, 90)
	broken.Rounds[3].Errors = []string{"a byte was altered"}
	table := result.Table{Loop: "closed", Rows: []result.Row{
		rated("direct", 200, 200, 200, 200, 200), rated("original", 10, 11, 12, 13, 14), broken,
		rated("haproxy", 50, 55, 60, 65, 70), rated("uring", 100, 110, 120, 130, 140),
	}}
	best, ok := bestOther(table, named("throughput"))
	if !ok || best.row.Peer != "haproxy" {
		t.Fatalf("the best other is %q: neither direct, nor ours, nor an invalid row may be", best.row.Peer)
	}
	v, ok := named("throughput").against(table.Rows[4], best, 1)
	if !ok || v.Ratio.Median != 2 || v.Ratio.Low != 2 || v.Ratio.High != 2 || v.Verdict != stats.Better {
		t.Errorf("twice as fast in each round is %+v", v)
	}
	if _, ok := named("throughput").against(broken, best, 1); ok {
		t.Error("an invalid row was compared")
	}
}

func TestReferenceWithoutTheOriginal(t *testing.T) {
	run := &result.Run{
		Peers: []result.Peer{{Name: "uring"}, {Name: "uring -recv-multishot"}},
		Scenarios: []result.Table{{Loop: "closed", Rows: []result.Row{
			rated("uring", 10, 10, 10, 10, 10), rated("uring -recv-multishot", 8, 8, 8, 8, 8),
		}}},
	}
	o := newOverview(run)
	if o.Reference != "uring" || len(o.Lines) != 2 || o.Lines[0].Reference != nil || o.Lines[1].Reference == nil || o.Lines[1].Best != nil {
		t.Fatalf("got %+v", o)
	}
	if v := o.Lines[1].Reference; v.Ratio.Median != 0.8 || v.Verdict != stats.Worse {
		t.Errorf("without a feature: %+v", v)
	}
}

func TestHeadline(t *testing.T) {
	run := fabricated(1, 5)
	want := map[string]string{"idle-3000": "memory per idle connection", "activate": "time to first byte"}
	for _, table := range run.Scenarios {
		expected, special := want[table.Name]
		if !special {
			expected = "throughput"
		}
		if got := headline(table).name; got != expected {
			t.Errorf("%s is about %s, want %s", table.Name, got, expected)
		}
	}
	if got := headline(opened(run)).name; got != "latency p99" {
		t.Errorf("an open loop is about %s", got)
	}
}

func TestHumanUnits(t *testing.T) {
	for got, want := range map[string]string{
		perSecond(107_412, "req/s"):               "107 k req/s",
		perSecond(7_940, "conn/s"):                "7.94 k conn/s",
		perSecond(2.94e9, "B/s"):                  "2.94 GB/s",
		perSecond(999.9, "req/s"):                 "1.00 k req/s",
		micros(48.2, ""):                          "48.2 µs",
		micros(1234, ""):                          "1.23 ms",
		micros(2.3e6, ""):                         "2.30 s",
		seconds(0.0045, ""):                       "4.50 ms",
		binaryBytes(13.2*1024, ""):                "13.2 KiB",
		plain(2011, ""):                           "2,011",
		plain(0, ""):                              "0",
		withUnit(0.23, "s/GB"):                    "0.230 s/GB",
		span("9.5 µs", "11 µs"):                   "9.5 to 11 µs",
		span("950 µs", "1.1 ms"):                  "950 µs to 1.1 ms",
		size(64):                                  "64 B",
		size(65536):                               "64 KiB",
		commandLine([]string{"a", "b c", "it's"}): `a 'b c' 'it'\''s'`,
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
