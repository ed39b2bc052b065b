package tidy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A proxy that ends when it is idle is started as often as clients come: systemd's limit
// of five starts in ten seconds would make its socket fail for good.
func TestUnitsMayStartOften(t *testing.T) {
	units, err := filepath.Glob("../../dist/systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("no units: %v", err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		general, service, _ := strings.Cut(string(text), "[Service]\n")
		if !strings.Contains(general, "\nStartLimitIntervalSec=0\n") || !strings.Contains(service, "\nRestartSec=") {
			t.Errorf("%s bounds how often it is started, or not how soon after a failure", unit)
		}
	}
}
