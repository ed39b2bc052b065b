package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/statistics"
)

// proxy is the program whose metrics are read.
type proxy struct {
	address string
	client  http.Client
}

const (
	// askTime bounds one request and its answer.
	askTime = 5 * time.Second
	// maxAnswer bounds how many bytes of an answer are read; it has about ten thousand.
	maxAnswer = 1 << 20
)

// newProxy returns the proxy that serves its metrics at an address in the syntax of
// --metrics=.
func newProxy(address string) (*proxy, error) {
	network, where, err := activation.NetAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", address, err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, where)
	}
	return &proxy{address: address, client: http.Client{
		Timeout:   askTime,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}, nil
}

// ask returns the proxy's current figures. Errors name the address.
func (p *proxy) ask(ctx context.Context) (*figures, error) {
	f, err := p.figures(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.address, err)
	}
	return f, nil
}

func (p *proxy) figures(ctx context.Context) (*figures, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://proxy/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := p.client.Do(request)
	if err != nil {
		var outer *net.OpError // leaves out the address, which the error has twice already
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered with status %d; these are not the metrics of a proxy", answer.StatusCode)
	}
	return readFigures(io.LimitReader(answer.Body, maxAnswer))
}

// figures are a proxy's metrics at one moment.
type figures struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

// prefix begins the names of the proxy's own metrics.
const prefix = statistics.Prefix

func readFigures(in io.Reader) (*figures, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(in)
	if err != nil {
		return nil, fmt.Errorf("the answer is not metrics: %w", err)
	}
	f := &figures{at: time.Now(), families: families}
	if families[prefix+"build_info"] == nil {
		return nil, errors.New("the program there is not uring-socket-proxyd")
	}
	return f, nil
}

// metric returns the sample of a metric with that label, as name=value, or the only
// one; nil if there is none.
func (f *figures) metric(name, label string) *dto.Metric {
	for _, m := range f.families[name].GetMetric() {
		if label == "" {
			return m
		}
		for _, l := range m.GetLabel() {
			if l.GetName()+"="+l.GetValue() == label {
				return m
			}
		}
	}
	return nil
}

// value is a counter or gauge; NaN if there is none.
func (f *figures) value(name, label string) float64 {
	m := f.metric(name, label)
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue()
	}
	return math.NaN()
}

// own is value for the proxy's own metrics.
func (f *figures) own(name, label string) float64 { return f.value(prefix+name, label) }

// total is one of the proxy's counters.
func (f *figures) total(id statistics.ID) float64 { return f.value(nameOf(id)) }

// nameOf returns the full name of a counter, and its label.
func nameOf(id statistics.ID) (name, label string) {
	row := &statistics.Totals[id]
	if row.Label != "" {
		label = row.Label + "=" + row.Value
	}
	return prefix + row.Name, label
}

// label returns the value of a label of a metric that has one sample.
func (f *figures) label(name, label string) string {
	for _, l := range f.metric(prefix+name, "").GetLabel() {
		if l.GetName() == label {
			return printable(l.GetValue())
		}
	}
	return "?"
}

// printable keeps an answer from controlling the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
