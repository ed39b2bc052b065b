package systemd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ownExamples is where each directory has units, which are installed as they are, and a
// script, check, that uses them. It may end with status 77, as in automake: what the
// machine lacks kept it from seeing all there is.
const ownExamples = "../../docs/examples"

// TestOwnExamples runs the examples as they are written.
func TestOwnExamples(t *testing.T) {
	tree := debian(t)
	directories, err := os.ReadDir(ownExamples)
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range directories {
		t.Run(directory.Name(), func(t *testing.T) {
			t.Parallel()
			m := Boot(t, tree)
			m.installDirectory(filepath.Join(ownExamples, directory.Name()))
			said, err := m.Try("sh", "/root/check")
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 77 {
				t.Skip(said)
			}
			if err != nil {
				journal, _ := m.Try("journalctl", "--no-pager", "-o", "cat")
				t.Fatalf("%v: %s\nThe journal:\n%s", err, said, journal)
			}
		})
	}
}

// installDirectory installs an example's files: check, and units.
func (m *Machine) installDirectory(directory string) {
	files, err := os.ReadDir(directory)
	if err != nil {
		m.t.Fatal(err)
	}
	checked := false
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(directory, file.Name()))
		if err != nil {
			m.t.Fatal(err)
		}
		if file.Name() == "check" {
			checked = true
			m.Write("/root/check", string(text))
		} else {
			m.Write(units+file.Name(), string(text))
		}
	}
	if !checked {
		m.t.Fatalf("%s has no script called check", directory)
	}
	m.Run("systemctl", "daemon-reload")
}
