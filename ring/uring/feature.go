package uring

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pawelgaczynski/giouring"
)

// Feature is something that a kernel's io_uring has or lacks, by the kernel's
// own name for it.
type Feature struct {
	Name    string
	Since   string // the kernel version that introduced it; for reports, never for decisions
	Toggle  string // its name in a Selection, if it can be switched
	Default bool   // whether it is used if the kernel has it and no Selection names it
	Why     string // what it is used for, or why it is not
	probe   func(*prober) (bool, error)
}

// The features that the engine can use.
var (
	FeatureAcceptMultishot = &Feature{"IORING_ACCEPT_MULTISHOT", "5.19", "accept-multishot", true,
		"one operation accepts all connections of a listener", (*prober).acceptMultishot}
	FeatureBufferRing = &Feature{"IORING_REGISTER_PBUF_RING", "5.19", "", true,
		"the kernel picks a buffer when bytes arrive, not before", (*prober).bufferRing}
	FeatureRecvMultishot = &Feature{"IORING_RECV_MULTISHOT", "6.0", "recv-multishot", true,
		"one operation receives all messages of a half", (*prober).unboundedRecv}
	FeatureDeferTaskrun = &Feature{"IORING_SETUP_DEFER_TASKRUN", "6.1", "defer-taskrun", true,
		"completions come in batches, when the worker asks", setupFlag(deferTaskrun)}
	// Never used, but a Selection may name it: it could once be switched off.
	featureIncrementalBuffers = &Feature{"IOU_PBUF_RING_INC", "6.12", "incremental-buffers", false,
		"a receive that is run by a thread of the kernel's does not tell what it spends", (*prober).incrementalBuffers}
	// The kernel has no name of its own for it: sqe->optlen bounds what a
	// multishot recv takes in all.
	FeatureRecvLimit = &Feature{"IORING_RECV_MULTISHOT (optlen)", "6.17", "recv-limit", true,
		"the kernel stops a half exactly at its limit", (*prober).boundedRecv}
	FeatureRestrictions = &Feature{"IORING_REGISTER_RESTRICTIONS", "5.10", "restrictions", true,
		"the kernel refuses whatever the engine does not use", (*prober).restrictions}
	// Not an io_uring feature, but used instead of its own, and worth comparing with
	// copying.
	FeatureSplice = &Feature{"splice(2)", "2.6.17", "splice", true,
		"streams go through a pipe: pages are passed on, not copied", func(*prober) (bool, error) { return true, nil }}
	FeatureSQPoll = &Feature{"IORING_SETUP_SQPOLL", "5.11", "sqpoll", false,
		"a kernel thread submits, but keeps a core busy", setupFlag(giouring.SetupSQPoll)}
)

// Probed is every Feature, in the order in which they are reported.
var Probed = []*Feature{
	FeatureAcceptMultishot,
	FeatureBufferRing,
	FeatureRecvMultishot,
	FeatureDeferTaskrun,
	FeatureRecvLimit,
	FeatureRestrictions,
	FeatureSplice,
	FeatureSQPoll,
	featureIncrementalBuffers,
	{"IORING_OP_SHUTDOWN", "5.11", "", false,
		"the kernel runs it on another thread: 100 times as slow", opcode(giouring.OpShutdown)},
	{"IORING_OP_SPLICE", "5.7", "", false,
		"the kernel runs it on another thread, which may block", opcode(giouring.OpSplice)},
	{"IORING_OP_SEND_ZC", "6.0", "", false,
		"not measured here", opcode(giouring.OpSendZC)},
	{"IORING_RECVSEND_BUNDLE", "6.10", "", false,
		"did not help streams with large buffers", featureBit(1 << 14)},
	{"IORING_FEAT_MIN_TIMEOUT", "6.12", "", false,
		"not measured here", featureBit(1 << 15)},
}

// required are the features that a kernel must have for the engine to start, whether
// used or not: together they mean 6.0 or later.
var required = []*Feature{FeatureAcceptMultishot, FeatureBufferRing, FeatureRecvMultishot}

// Selection switches features on or off against their default, by Toggle.
type Selection map[string]bool

// ParseSelection parses a comma-separated list of features to switch off ("-NAME") or on
// ("+NAME").
func ParseSelection(list string) (Selection, error) {
	s := make(Selection)
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		name := item[1:]
		known := slices.Contains(toggles(), name) || name == featureIncrementalBuffers.Toggle
		if (item[0] != '-' && item[0] != '+') || !known {
			return nil, fmt.Errorf("%q names no feature that can be switched; write -NAME or +NAME with one of %s", item, strings.Join(toggles(), ", "))
		}
		s[name] = item[0] == '+'
	}
	return s, nil
}

// toggles are the names of what a Selection can switch.
func toggles() (names []string) {
	for _, f := range Probed {
		if f.Switchable() {
			names = append(names, f.Toggle)
		}
	}
	return names
}

// Switchable reports whether a Selection can switch a feature.
func (f *Feature) Switchable() bool { return f.Toggle != "" && f != featureIncrementalBuffers }

// wants reports whether a feature should be used if the kernel has it.
func (s Selection) wants(f *Feature) bool {
	if on, ok := s[f.Toggle]; ok {
		return on
	}
	return f.Default
}

// Features is what a probe has found.
type Features struct {
	present   map[*Feature]bool
	failed    map[*Feature]error // features that could not be tried or set up, though the kernel may have them
	selection Selection
}

func newFeatures(s Selection) Features {
	return Features{make(map[*Feature]bool), make(map[*Feature]error), s}
}

// Failure returns why it is not known whether the kernel has a feature; nil if it is known.
func (f Features) Failure(feature *Feature) error { return f.failed[feature] }

// Has reports whether the kernel has a feature.
func (f Features) Has(feature *Feature) bool { return f.present[feature] }

// Uses tells whether the engine uses a feature.
func (f Features) Uses(feature *Feature) bool {
	return f.present[feature] && f.selection.wants(feature) && feature != featureIncrementalBuffers
}

// InUse returns the toggles of the features that the engine uses.
func (f Features) InUse() (toggles []string) {
	for _, feature := range Probed {
		if feature.Toggle != "" && f.Uses(feature) {
			toggles = append(toggles, feature.Toggle)
		}
	}
	return toggles
}

// Unmet is a feature that is wanted but not used.
type Unmet struct {
	Toggle string
	Why    error
}

// Unmet returns the features that the engine wants but does not use: those that were asked
// for by name, and those that failed although the kernel may have them.
func (f Features) Unmet() (unmet []Unmet) {
	for _, feature := range Probed {
		why := f.failed[feature]
		switch {
		case f.Uses(feature) || !f.selection.wants(feature):
			continue
		case why != nil:
		case !f.selection[feature.Toggle]:
			continue
		case feature == FeatureDeferTaskrun && f.present[FeatureSQPoll]:
			why = errors.New("it cannot be combined with sqpoll")
		case f.present[feature]: // featureIncrementalBuffers
			why = errors.New("it could alter bytes, so it is never used")
		default:
			why = &tooOld{feature.Name, feature.Since}
		}
		unmet = append(unmet, Unmet{feature.Toggle, why})
	}
	return unmet
}

// Missing returns an error that names the first required feature that is missing, or nil.
// It is an errors.ErrUnsupported if the kernel lacks the feature.
func (f Features) Missing() error {
	for _, feature := range required {
		switch err := f.failed[feature]; {
		case err != nil:
			return err
		case !f.present[feature]:
			return &tooOld{feature.Name, feature.Since}
		}
	}
	return nil
}
