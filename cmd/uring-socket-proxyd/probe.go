package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/ring"
)

// probeReport is what --probe prints and --probe=json encodes.
type probeReport struct {
	Kernel   string               `json:"kernel"`
	Engine   engineName           `json:"engine"`           // what --engine=auto takes
	Reason   string               `json:"reason,omitempty"` // why not uring
	Features []ring.FeatureReport `json:"features"`
}

func newProbeReport() (probeReport, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return probeReport{}, fmt.Errorf("--probe: uname: %w", err)
	}
	report := probeReport{Kernel: unix.ByteSliceToString(name.Release[:]), Engine: engineUring}
	features, err := ring.Report()
	if err != nil {
		report.Engine, report.Reason = engineEpoll, ring.Refusal(err)
	}
	report.Features = features
	return report, nil
}

// printProbe answers --probe in the given format.
func printProbe(out io.Writer, format probeFormat) error {
	report, err := newProbeReport()
	if err != nil {
		return err
	}
	if format == probeJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	fmt.Fprintf(out, "io_uring on Linux %s, the features that matter here:\n\n", report.Kernel)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FEATURE\tSINCE\tHERE\tUSED\tWHY")
	for _, f := range report.Features {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", f.Name, f.Since, yesNo(f.Present), yesNo(&f.Used), f.Why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n--engine=auto chooses %s here", report.Engine)
	if report.Reason != "" {
		fmt.Fprintf(out, ": %s", report.Reason)
	}
	_, err = fmt.Fprintln(out, ".")
	return err
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return "?"
	case *b:
		return "yes"
	}
	return "no"
}
