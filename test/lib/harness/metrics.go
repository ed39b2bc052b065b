package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Metrics are a program's figures, each by its name and labels as it was written.
type Metrics map[string]float64

// MetricsPrefix begins the names of the program's own metrics.
const MetricsPrefix = "uring_socket_proxyd_"

// Own is one of the program's own metrics, which must be there.
func (m Metrics) Own(t testing.TB, name string) float64 {
	t.Helper()
	value, ok := m[MetricsPrefix+name]
	if !ok {
		t.Errorf("there is no %s%s", MetricsPrefix, name)
	}
	return value
}

// MetricsAddress is where a program serves its metrics that was started with
// --metrics= and SYSTEMD_LOG_LEVEL=debug.
func (p *Process) MetricsAddress() Address {
	p.t.Helper()
	line := p.AwaitLine(`^serving metrics: address=`)
	text := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)[1]
	if text[0] == '/' || text[0] == '@' {
		return Address{Network: "unix", Text: text}
	}
	return Address{Network: "tcp", Text: text}
}

// Scrape asks for a program's metrics.
func Scrape(t testing.TB, a Address) Metrics {
	t.Helper()
	status, body := Get(t, a, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("asked for metrics, and got status %d: %s", status, body)
	}
	m, err := ParseMetrics(body)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Get asks for a page by HTTP.
func Get(t testing.TB, a Address, path string) (status int, body string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, a.Network, a.Text)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: Patience}
	answer, err := client.Get("http://proxy" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// ParseMetrics reads the text format as the program writes it: a line for each figure.
func ParseMetrics(text string) (Metrics, error) {
	m := make(Metrics)
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		if space < 0 {
			return nil, fmt.Errorf("not a metric: %q", line)
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("not a metric: %q: %w", line, err)
		}
		if _, twice := m[line[:space]]; twice {
			return nil, fmt.Errorf("twice: %q", line)
		}
		m[line[:space]] = value
	}
	return m, nil
}
