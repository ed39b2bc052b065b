package metrics

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"uring-socket-proxyd/internal/statistics"
)

// kind is what Prometheus calls a metric's type.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// label is a name and a value; the value will be escaped.
type label struct{ name, value string }

// text collects metrics in the text format, version 0.0.4.
type text struct{ bytes.Buffer }

// family starts a metric. All its samples must follow before the next family.
func (t *text) family(name string, k kind, help string) {
	fmt.Fprintf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, k)
}

// sample is one value of a metric.
func (t *text) sample(name string, value float64, labels ...label) {
	t.WriteString(name)
	for i, l := range labels {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		t.WriteByte(separator)
		t.WriteString(l.name + `="` + labelEscapes.Replace(l.value) + `"`)
	}
	if len(labels) > 0 {
		t.WriteByte('}')
	}
	t.WriteString(" " + number(value) + "\n")
}

// single writes a metric with one value and no labels.
func (t *text) single(name string, k kind, value float64, help string) {
	t.family(name, k, help)
	t.sample(name, value)
}

// distribution writes a histogram; it makes the buckets cumulative.
func (t *text) distribution(row *statistics.Times, c *statistics.Counts) {
	name, d := prefix+row.Name, row.Of(c)
	t.family(name, histogram, row.Help)
	n := uint64(0)
	for i, bound := range row.Bounds {
		n += d.Buckets[i]
		t.sample(name+"_bucket", float64(n), label{"le", number(bound.Seconds())})
	}
	t.sample(name+"_bucket", float64(d.Count()), label{"le", "+Inf"})
	t.sample(name+"_sum", seconds(d.Sum))
	t.sample(name+"_count", float64(d.Count()))
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// number writes whole numbers without a fraction, exact up to 2^53.
func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
