// Package generated keeps generated files up to date with the program's sources: tests
// make them anew and compare, or renew the files on request.
package generated

import (
	"os"
	"path/filepath"
	"testing"
)

// renew is the variable that makes Check write the files, as make manual does.
const renew = "RENEW_GENERATED"

// Check compares files below a folder with what is made now, by name.
func Check(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, want := range files {
		path := filepath.Join(folder, name)
		if os.Getenv(renew) != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what the options make of it now (%v); run make manual", path, err)
		}
	}
}
