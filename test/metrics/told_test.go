package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// family is a metric as a proxy reports it.
type family struct {
	name, kind, help string
	labels           []string
	samples          []string // names of its samples
}

// serve starts a proxy in front of an echoing target, and returns where it serves its
// metrics.
func serve(t *testing.T, p *harness.Program, args ...string) (*harness.Proxy, harness.Address) {
	t.Helper()
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: append([]string{"--metrics=" + harness.NewAddress(t, harness.Unix).Text, target.Target()}, args...),
		Env:  []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	return proxy, proxy.MetricsAddress()
}

// families are the metrics of a real proxy, in their order.
func families(t *testing.T, p *harness.Program) (all []*family) {
	t.Helper()
	proxy, metrics := serve(t, p)
	client := proxy.Dial(t)
	client.SendText("hello")
	client.ExpectText("hello")
	_, text := harness.Get(t, metrics, "/metrics")
	label := regexp.MustCompile(`([a-z]+)="`)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			all = append(all, &family{name: name, help: help})
			continue
		}
		f := all[len(all)-1]
		if rest, ok := strings.CutPrefix(line, "# TYPE "+f.name+" "); ok {
			f.kind = rest
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		if !strings.HasPrefix(name, f.name) {
			t.Fatalf("%s has a line %q", f.name, line)
		}
		if !slices.Contains(f.samples, name) {
			f.samples = append(f.samples, name)
		}
		for _, match := range label.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(f.labels, match[1]) && match[1] != "le" {
				f.labels = append(f.labels, match[1])
			}
		}
	}
	return all
}

// told are the names of all samples of the engine that has most.
func told(t *testing.T) map[string]*family {
	t.Helper()
	found := make(map[string]*family)
	for _, f := range families(t, harness.Uring) {
		for _, name := range f.samples {
			found[name] = f
		}
	}
	return found
}
