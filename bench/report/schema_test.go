package report

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"uring-socket-proxyd/bench/result"
)

const schemaFile = "../../docs/benchmark-schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled, err := compiler.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func parsed(t *testing.T, content string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestResultKeepsToTheSchema(t *testing.T) {
	empty := &result.Run{Version: result.Version, Machine: result.Machine{Cores: 1}, Scenarios: []result.Table{{Name: "a", Loop: "closed", Rows: []result.Row{{Peer: "b"}}}}}
	for name, dir := range map[string]string{"full": fullReport(t), "empty": written(t, empty)} {
		content := read(t, dir, "result.json")
		if err := schema(t).Validate(parsed(t, content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	content := read(t, fullReport(t), "result.json")
	for name, change := range map[string][2]string{
		"version":       {`"version": 1,`, `"version": 2,`},
		"loop":          {`"loop": "closed"`, `"loop": "spiral"`},
		"loop and rate": {`"loop": "closed"`, `"loop": "open"`},
		"unit":          {`"unit": "req/s"`, `"unit": "req/min"`},
		"date":          {`"2026-01-02T03:04:05Z"`, `"yesterday"`},
		"missing field": {`"seed"`, `"sed"`},
	} {
		changed := strings.Replace(content, change[0], change[1], 1)
		if changed == content {
			t.Fatalf("%s: nothing to change", name)
		}
		if schema(t).Validate(parsed(t, changed)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestSchemaNamesEveryField: what package result can write the schema describes,
// and the other way round.
func TestSchemaNamesEveryField(t *testing.T) {
	root := schema(t)
	definition := func(name string) *jsonschema.Schema {
		compiled, err := jsonschema.NewCompiler().Compile(filepath.ToSlash(schemaFile) + "#/$defs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return compiled
	}
	for _, c := range []struct {
		schema *jsonschema.Schema
		value  any
	}{
		{root, result.Run{}}, {definition("machine"), result.Machine{}}, {definition("peer"), result.Peer{}},
		{definition("table"), result.Table{}}, {definition("row"), result.Row{}}, {definition("round"), result.Round{}},
		{definition("latency"), result.Latency{}}, {definition("point"), result.Point{}},
	} {
		fields, required := jsonFields(reflect.TypeOf(c.value))
		if described := slices.Sorted(maps.Keys(c.schema.Properties)); !slices.Equal(described, fields) {
			t.Errorf("%T has the fields %v, the schema describes %v", c.value, fields, described)
		}
		if demanded := slices.Sorted(slices.Values(c.schema.Required)); !slices.Equal(demanded, required) {
			t.Errorf("%T always has %v, the schema demands %v", c.value, required, demanded)
		}
		for name, property := range c.schema.Properties {
			if property.Description == "" && property.Ref == nil {
				t.Errorf("%T: the schema does not describe %s", c.value, name)
			}
		}
	}
}

// jsonFields are the names of a struct's fields in JSON, and of those that are
// always there.
func jsonFields(structure reflect.Type) (all, required []string) {
	for i := range structure.NumField() {
		name, options, _ := strings.Cut(structure.Field(i).Tag.Get("json"), ",")
		all = append(all, name)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}
