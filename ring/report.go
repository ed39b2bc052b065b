package ring

import (
	"runtime"

	"uring-socket-proxyd/ring/uring"
)

// FeatureReport tells of one feature of io_uring, by the kernel's name for it.
type FeatureReport struct {
	Name    string `json:"name"`
	Since   string `json:"since"`            // the kernel that brought it
	Toggle  string `json:"toggle,omitempty"` // its name in --ring-features=
	Present *bool  `json:"present"`          // here; null if that could not be tried
	Used    bool   `json:"used"`             // by the engine, here
	Why     string `json:"why"`              // what for, or why not
}

// Report tries every feature and says whether the engine could start: nil, or why
// not, for Refusal to word.
func Report() (reports []FeatureReport, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	features, err := uring.ProbeAll()
	tried := err == nil
	if tried {
		err = features.Missing()
	}
	for _, f := range uring.Probed {
		report := FeatureReport{Name: f.Name, Since: f.Since, Why: f.Why}
		if f.Switchable() {
			report.Toggle = f.Toggle
		}
		if tried {
			if present := features.Has(f); features.Failure(f) == nil {
				report.Present = &present
			}
			report.Used = features.Uses(f) && err == nil
		}
		reports = append(reports, report)
	}
	return reports, err
}
