package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"uring-socket-proxyd/bench/result"
)

// Read reads a run that Write or another program wrote.
func Read(path string) (*result.Run, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a benchmark result: %w", err)
	}
	var head struct{ Version int }
	if err := json.Unmarshal(content, &head); err != nil {
		return nil, fmt.Errorf("%s is not a benchmark result (%w); give the result.json that proxy-bench wrote", path, err)
	}
	switch {
	case head.Version == 0:
		return nil, fmt.Errorf("%s has no \"version\", so it is not a benchmark result; give the result.json that proxy-bench wrote", path)
	case head.Version != result.Version:
		return nil, fmt.Errorf("%s has layout version %d, this proxy-bench reads version %d; read it with the proxy-bench that wrote it, or run the benchmark again",
			path, head.Version, result.Version)
	}
	run := new(result.Run)
	if err := json.Unmarshal(content, run); err != nil {
		return nil, fmt.Errorf("%s says version %d but does not keep to its layout (%w); docs/benchmark-schema.json describes it", path, head.Version, err)
	}
	return run, nil
}

// encode returns the run as JSON, with empty lists instead of null.
func encode(run *result.Run) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(withoutNull(*run)); err != nil {
		return nil, fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	return out.Bytes(), nil
}

// withoutNull returns a copy in which no required list is nil.
func withoutNull(run result.Run) result.Run {
	run.Command = orEmpty(run.Command)
	run.Peers = orEmpty(run.Peers)
	tables := make([]result.Table, len(run.Scenarios))
	for i, table := range run.Scenarios {
		rows := make([]result.Row, len(table.Rows))
		for j, row := range table.Rows {
			row.Rounds = orEmpty(row.Rounds)
			rows[j] = row
		}
		table.Rows = rows
		tables[i] = table
	}
	run.Scenarios = tables
	return run
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
