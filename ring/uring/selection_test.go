package uring

import "testing"

// TestIncrementalBuffersAreNeverUsed has a kernel with the feature: a list may name it, as
// it once could be switched off, and who asks for it is told why it is not used.
func TestIncrementalBuffersAreNeverUsed(t *testing.T) {
	for list, unmet := range map[string]int{"": 0, "-incremental-buffers": 0, "+incremental-buffers": 1} {
		selection, err := ParseSelection(list)
		if err != nil {
			t.Fatal(err)
		}
		features := newFeatures(selection)
		features.present[featureIncrementalBuffers] = true
		if features.Uses(featureIncrementalBuffers) || len(features.Unmet()) != unmet {
			t.Errorf("%q: used %v, unmet %v", list, features.Uses(featureIncrementalBuffers), features.Unmet())
		}
	}
}
