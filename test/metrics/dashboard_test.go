// Package metrics checks what is made from a proxy's metrics: the dashboard, the
// document, the live view.
package metrics

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const dashboardFile = "../../dist/grafana/uring-socket-proxyd.json"

// TestDashboardSchema reads the dashboard by Grafana's own schema, strictly.
func TestDashboardSchema(t *testing.T) {
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 the newer schema is for newer releases of Grafana only
	var board dashboard.Dashboard
	for _, err := range []error{board.UnmarshalJSONStrict(text), board.Validate()} {
		if err != nil && err.Error() != "" { // a list of no errors is one too
			t.Error(err)
		}
	}
	if len(board.Panels) < 20 {
		t.Errorf("it has %d panels", len(board.Panels))
	}
}

// query is a target of a panel, as far as it matters here.
type query struct{ Expr, LegendFormat string }

// queries are those of all panels, by the panel's title. Panels must not overlap, nor
// carry the number of another one.
func queries(t *testing.T) map[string][]query {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID         int
			Title      string
			Type       string
			Datasource struct{ UID string }
			GridPos    struct{ X, Y, W, H int }
			Targets    []query
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	found, ids, taken := make(map[string][]query), make(map[int]bool), make(map[[2]int]string)
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("%s: number %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[place]; ok {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[place] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks the data source %q, not the chosen one", p.Title, p.Datasource.UID)
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
		found[p.Title] = p.Targets
	}
	return found
}

// TestDashboardMetrics looks for every metric of the dashboard at a real proxy.
func TestDashboardMetrics(t *testing.T) {
	told := told(t)
	used := make(map[string]bool)
	for title, queries := range queries(t) {
		for _, q := range queries {
			// Grafana fills in what begins with a dollar.
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "a", "$instance", "b").Replace(q.Expr)
			for _, name := range metricsOf(t, title, expr) {
				used[name] = true
				if _, ok := told[name]; !ok {
					t.Errorf("%s: there is no %s", title, name)
				}
			}
		}
	}
	for name := range told {
		if !used[name] && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// metricsOf are the metrics that an expression in PromQL names.
func metricsOf(t *testing.T, where, expr string) (names []string) {
	t.Helper()
	parsed, err := metricsql.Parse(expr)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, expr)
		return nil
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if m, ok := e.(*metricsql.MetricExpr); ok {
			for _, filters := range m.LabelFilterss {
				names = append(names, filters[0].Value) // of __name__
			}
		}
	})
	if len(names) == 0 {
		t.Errorf("%s: no metric is in %s", where, expr)
	}
	return names
}
