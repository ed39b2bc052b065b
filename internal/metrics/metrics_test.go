package metrics

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

// engine is one that has much to tell.
type engine struct {
	forward.Engine
	name     string
	features []string
	counts   statistics.Counts
	sample   func() statistics.Sample
}

func (e *engine) Name() string                { return e.name }
func (e *engine) Features() []string          { return e.features }
func (e *engine) Counters() statistics.Counts { return e.counts }
func (e *engine) Sample() statistics.Sample   { return e.sample() }

func newSource() (*Source, *engine) {
	e := &engine{name: "uring", features: []string{"a", "b\"\\\n"}, sample: func() statistics.Sample {
		return statistics.Sample{Ring: statistics.RingCounts{Enters: 3}, Pool: statistics.PoolUse{Buffers: 4, Available: 2}}
	}}
	for i := range e.counts.Of {
		e.counts.Of[i] = uint64(i)
	}
	e.counts.Of[statistics.Accepted] = 1 << 53
	e.counts.Connects.Buckets[0] = 5
	e.counts.Connects.Buckets[len(e.counts.Connects.Buckets)-1] = 2
	e.counts.Connects.Sum = 1500 * time.Millisecond
	return &Source{Version: "1.2.3", Policy: &forward.Policy{Workers: 2}, Gate: crew.NewGate(7, nil), Engine: e}, e
}

// TestFormat reads what is written with Prometheus' own reader.
func TestFormat(t *testing.T) {
	source, _ := newSource()
	var written text
	source.write(&written)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(written.String()))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, written.String())
	}
	if v := families[prefix+"connections_accepted_total"].Metric[0].Counter.GetValue(); v != 1<<53 {
		t.Errorf("accepted are %v", v)
	}
	for i, row := range statistics.Totals[1:] {
		for _, m := range families[prefix+row.Name].Metric {
			if row.Label == "" || m.Label[0].GetValue() == row.Value {
				if v := m.Counter.GetValue(); v != float64(i+1) {
					t.Errorf("%s %s is %v, want %d", row.Name, row.Value, v, i+1)
				}
			}
		}
	}
	if v := families[prefix+"feature_info"].Metric[1].Label[0].GetValue(); v != "b\"\\\n" {
		t.Errorf("a label came out as %q", v)
	}
	connects := families[prefix+"connect_duration_seconds"].Metric[0].Histogram
	last := connects.Bucket[len(connects.Bucket)-2] // before that of +Inf
	if connects.GetSampleCount() != 7 || last.GetCumulativeCount() != 5 || last.GetUpperBound() != 120 || connects.GetSampleSum() != 1.5 {
		t.Errorf("the connects came out as %v", connects)
	}
}

// TestConventions holds names, types and help texts to Prometheus' rules.
func TestConventions(t *testing.T) {
	for _, name := range []string{"uring", "epoll"} {
		source, e := newSource()
		e.name = name
		var written text
		source.write(&written)
		problems, err := promlint.New(&written).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
		}
	}
}

// TestFaultIsAnAnswer has the figures' source panic: the program goes on.
func TestFaultIsAnAnswer(t *testing.T) {
	source, e := newSource()
	e.sample = func() statistics.Sample { panic("out of figures") }
	var log strings.Builder
	listener, err := activation.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := Serve(listener, source, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	answer, err := http.Get("http://" + listener.Address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusInternalServerError || strings.Contains(string(body), "figures") || !strings.Contains(log.String(), "out of figures") {
		t.Errorf("answered %s %q, and logged %q", answer.Status, body, log.String())
	}
}

// TestProcess looks whether what /proc says can be.
func TestProcess(t *testing.T) {
	before, ok := descriptors()
	if !ok || before < 3 {
		t.Errorf("%v descriptors are open, %v", before, ok)
	}
	if virtual, resident, ok := memory(); !ok || resident < 1<<20 || virtual < resident {
		t.Errorf("memory is %v and %v, %v", virtual, resident, ok)
	}
	began, ok := startTime()
	if age := time.Since(time.UnixMilli(int64(began * 1000))); !ok || age < 0 || age > time.Hour {
		t.Errorf("started %v ago, %v", age, ok)
	}
}
