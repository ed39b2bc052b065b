package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

const sampleText = `# TYPE uring_socket_proxyd_build_info gauge
uring_socket_proxyd_build_info{version="1.2.3",goversion="go"} 1
# TYPE uring_socket_proxyd_connections_accepted_total counter
uring_socket_proxyd_connections_accepted_total 100
# TYPE uring_socket_proxyd_forwarded_bytes_total counter
uring_socket_proxyd_forwarded_bytes_total{direction="to_target"} 1000
uring_socket_proxyd_forwarded_bytes_total{direction="to_client"} 2e6
# TYPE uring_socket_proxyd_connect_duration_seconds histogram
uring_socket_proxyd_connect_duration_seconds_bucket{le="0.001"} 50
uring_socket_proxyd_connect_duration_seconds_bucket{le="0.01"} 100
uring_socket_proxyd_connect_duration_seconds_bucket{le="+Inf"} 100
uring_socket_proxyd_connect_duration_seconds_sum 1
uring_socket_proxyd_connect_duration_seconds_count 100
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1000
`

func figuresOf(t *testing.T, text string, at time.Duration) *figures {
	t.Helper()
	f, err := readFigures(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	f.at = time.Unix(2000, 0).Add(at)
	return f
}

func TestQuantile(t *testing.T) {
	b := buckets{{1, 10}, {2, 10}, {4, 30}, {math.Inf(1), 40}}
	for q, want := range map[float64]float64{0: 0, 0.125: 0.5, 0.25: 1, 0.5: 3, 0.75: 4, 0.76: math.Inf(1), 1: math.Inf(1)} {
		if got := b.quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	for _, none := range []buckets{nil, {{1, 0}, {math.Inf(1), 0}}} {
		if got := none.quantile(0.5); !math.IsNaN(got) {
			t.Errorf("without any, the median is %v", got)
		}
	}
}

func TestViewOfAnInterval(t *testing.T) {
	later := strings.NewReplacer("_total 100\n", "_total 150\n", "} 2e6", "} 3e6", `le="0.01"} 100`, `le="0.01"} 120`, `Inf"} 100`, `Inf"} 120`).Replace(sampleText)
	v := newView(figuresOf(t, sampleText, 0), figuresOf(t, later, 2*time.Second))
	if got := v.rate(statistics.Accepted); got != 25 {
		t.Errorf("%v connections a second", got)
	}
	if got := v.rate(statistics.BytesToClient); got != 5e5 {
		t.Errorf("%v bytes a second", got)
	}
	// The 20 new ones are all in the second bucket.
	if got := v.lately(&statistics.ConnectTimes).p50; math.Abs(got-0.0055) > 1e-12 {
		t.Errorf("the median is %v", got)
	}
	if got := v.ever(&statistics.ConnectTimes).p50; math.Abs(got-(0.001+0.009/7)) > 1e-12 {
		t.Errorf("the median ever is %v", got)
	}
	if got := v.rate(statistics.Retried); !math.IsNaN(got) {
		t.Errorf("what is not there grows by %v", got)
	}
}

func TestViewAfterRestart(t *testing.T) {
	for _, change := range [][2]string{{"seconds 1000", "seconds 1500"}, {"_total 100\n", "_total 99\n"}} {
		v := newView(figuresOf(t, sampleText, 0), figuresOf(t, strings.Replace(sampleText, change[0], change[1], 1), time.Second))
		if got := v.rate(statistics.BytesToClient); !math.IsNaN(got) {
			t.Errorf("after %q, %v bytes a second", change, got)
		}
		for _, line := range render(v) {
			if strings.Contains(line, "NaN") {
				t.Errorf("a line has %q", line)
			}
		}
	}
}

// TestLinesFit shows large figures.
func TestLinesFit(t *testing.T) {
	text := sampleText + `# TYPE uring_socket_proxyd_engine_info gauge
uring_socket_proxyd_engine_info{engine="uring",kernel="6.12.48+deb13-amd64"} 1
`
	for _, counter := range []string{"connections_broken_total", "connections_timed_out_total", "ring_enters_total", "ring_completions_total", "ring_overflows_total", "pool_starved_total",
		"passed_descriptors_total", "stale_events_total"} {
		text += "# TYPE " + prefix + counter + " counter\n" + prefix + counter + " 123456789\n"
	}
	for _, gauge := range []string{prefix + "connections", prefix + "connections_max", prefix + "workers", prefix + "pool_bytes", prefix + "pool_parked_bytes",
		"process_resident_memory_bytes", "process_open_fds", "process_max_fds"} {
		text += "# TYPE " + gauge + " gauge\n" + gauge + " 123456789\n"
	}
	for _, line := range render(newView(figuresOf(t, text, 0), figuresOf(t, text, time.Second))) {
		if len(line) > 80 {
			t.Errorf("a line has %d characters: %q", len(line), line)
		}
	}
}

func TestHuman(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0", number(7): "7", number(999): "999", number(1234): "1.23 k", number(999999): "1.00 M", number(0.5): "0.50", number(math.NaN()): "-",
		amount(1): "1 B", amount(2.5e9): "2.50 GB", memory(8 << 20): "8 MiB", memory(1536): "1.50 KiB",
		percent(0.123): "12 %", percent(math.NaN()): "-",
		duration(0.00025): "250 us", duration(0.0125): "12.5 ms", duration(1.5): "1.50 s", duration(90): "1.50 min", duration(7200): "2 h",
		duration(math.Inf(1)): "beyond", duration(math.NaN()): "-", duration(0): "0",
		age(59 * time.Second): "59 s", age(61 * time.Second): "1 min", age(3 * time.Hour): "3 h", age(72 * time.Hour): "3 days",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"--interval=2", "/run/x", "--count", "3"})
	if err != nil || *o != (options{"/run/x", intervalTime(2 * time.Second), 3}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"--interval=50ms", "a"}, {"--interval=infinity", "a"}, {"--count=-1", "a"}, {"--bogus", "a"}} {
		if o, err := parseOptions(args); err == nil {
			t.Errorf("%q is taken as %+v", args, o)
		}
	}
}

// FuzzFigures reads what anything may answer, and shows it.
func FuzzFigures(f *testing.F) {
	f.Add(sampleText)
	f.Add(strings.Replace(sampleText, "1.2.3", "\x1b[31m\u009b", 1))
	f.Add("uring_socket_proxyd_build_info NaN\n")
	f.Fuzz(func(t *testing.T, text string) {
		last, err := readFigures(strings.NewReader(text))
		if err != nil {
			return
		}
		now, err := readFigures(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range render(newView(last, now)) {
			for _, r := range line {
				if r < ' ' || r > '~' {
					t.Errorf("a line has %q", line)
				}
			}
		}
	})
}
