package statistics

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTotals counts each counter alone and looks for it in the sum: none is left out of
// the table, or in the place of another.
func TestTotals(t *testing.T) {
	told := 0
	kind := reflect.TypeFor[Counters]()
	for i := range kind.NumField() {
		field := kind.Field(i)
		if field.Type != reflect.TypeFor[Counter]() || field.Name == "Served" || field.Name == "Ended" {
			continue
		}
		var counters Counters
		reflect.ValueOf(&counters).Elem().Field(i).Addr().Interface().(*Counter).Add(7)
		var sum Counts
		sum.Add(&counters)
		sum.Add(&counters)
		at := slices.Index(sum.Of[:], 14)
		if at < 0 {
			t.Errorf("%s is not told", field.Name)
			continue
		}
		sum.Of[at] = 0
		if sum != (Counts{}) {
			t.Errorf("%s counts for others too", field.Name)
		}
		told++
	}
	if told != totals {
		t.Errorf("%d counters are told by %d rows", told, totals)
	}
}

// TestNames has no two counters in one place, and one help for each metric.
func TestNames(t *testing.T) {
	keys, metrics, helps := make(map[string]bool), make(map[string]bool), make(map[string]string)
	for _, row := range Totals {
		metric := row.Name + row.Label + row.Value
		if row.Key == "" || row.Help == "" || keys[row.Key] || metrics[metric] {
			t.Errorf("%+v is told twice, or not all of it", row.Metric)
		}
		if help, ok := helps[row.Name]; ok && help != row.Help {
			t.Errorf("%s has two meanings", row.Name)
		}
		keys[row.Key], metrics[metric], helps[row.Name] = true, true, row.Help
	}
}

// TestDocument looks for each key of the log in the document, in the same order.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "| counter | meaning |")
	section, _, _ = strings.Cut(section, "\n\n")
	var got []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		for _, key := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cells[min(1, len(cells)-1)], -1) {
			got = append(got, key[1])
		}
	}
	want := []string{"connections"}
	for _, row := range Totals {
		want = append(want, row.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/logs.md has the counters %q, the log %q", got, want)
	}
}
