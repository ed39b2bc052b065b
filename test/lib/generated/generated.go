// Package generated keeps the manual pages and completions of programs up to date with the
// table of options: it makes them anew and compares, or renews them on request.
package generated

import (
	"os"
	"path/filepath"
	"testing"

	"uring-socket-proxyd/internal/optiontext"
)

// renew is the variable that makes Check write the files, as make manual does.
const renew = "RENEW_GENERATED"

// dist is where those files are, seen from the folder of a program.
const dist = "../../dist"

// Check compares a program's page in a section of the manual, and its completions.
func Check(t *testing.T, program *optiontext.Program, section string) {
	t.Helper()
	page := filepath.Join(dist, "man", program.Name+"."+section)
	source, err := os.ReadFile(page + ".in")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := optiontext.Manual(program, string(source))
	if err != nil {
		t.Fatal(err)
	}
	completions := filepath.Join(dist, "completions")
	check(t, page, manual)
	check(t, filepath.Join(completions, program.Name+".bash"), optiontext.Bash(program))
	check(t, filepath.Join(completions, "_"+program.Name), optiontext.Zsh(program))
	check(t, filepath.Join(completions, program.Name+".fish"), optiontext.Fish(program))
}

func check(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv(renew) != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s is not what the options make of it now (%v); run make manual", path, err)
	}
}
