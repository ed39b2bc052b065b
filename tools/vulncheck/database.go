package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// module is the module that contains the database, always in its newest version: an older
// one would lack what was found since.
const module = "golang.org/x/vulndb"

// patience bounds the download (25 MB the first time) if the server does not answer.
const patience = 3 * time.Minute

// source is a version of the database, as its module has it.
type source struct {
	Dir  string    // of the module
	Time time.Time // of the version
}

// download gets the newest version into the module cache.
func download() (source, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@latest")
	output, err := cmd.Output()
	if ctx.Err() != nil {
		return source{}, fmt.Errorf("downloading %s took more than %v", module, patience)
	}
	var told struct{ Dir, Info, Error string }
	if jsonErr := json.Unmarshal(output, &told); jsonErr != nil {
		return source{}, fmt.Errorf("go mod download %s: %w", module, errors.Join(err, stderrOf(err)))
	}
	if told.Error != "" {
		return source{}, errors.New(oneLine(told.Error))
	}
	info, err := os.ReadFile(told.Info)
	if err != nil {
		return source{}, err
	}
	s := source{Dir: told.Dir}
	return s, json.Unmarshal(info, &s)
}

// stderrOf returns what a program that failed wrote to standard error.
func stderrOf(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return errors.New(oneLine(string(exit.Stderr)))
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// entry is the part of an entry in the OSV format that the index needs.
type entry struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
	} `json:"affected"`
}

// indexed is an entry as the index of vulnerabilities has it, and, without the
// aliases, that of modules.
type indexed struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
}

// affected is a module in the index of modules.
type affected struct {
	Path  string    `json:"path"`
	Vulns []indexed `json:"vulns"`
}

// write lays out a database in directory in the form that govulncheck reads
// (https://go.dev/doc/security/vuln/database#api), and returns the number of its
// entries. The module has the entries in that form, but not the index.
func (s source) write(directory string) (int, error) {
	entries, err := s.entries()
	if err != nil {
		return 0, err
	}
	if err := os.Symlink(s.entryDirectory(), filepath.Join(directory, "ID")); err != nil {
		return 0, err
	}
	index := filepath.Join(directory, "index")
	if err := os.Mkdir(index, 0o755); err != nil {
		return 0, err
	}
	modules, vulns := indexOf(entries)
	for name, value := range map[string]any{
		"db":      map[string]time.Time{"modified": s.Time},
		"modules": modules,
		"vulns":   vulns,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(index, name+".json"), text, 0o644); err != nil {
			return 0, err
		}
	}
	return len(entries), nil
}

func (s source) entryDirectory() string { return filepath.Join(s.Dir, "data", "osv") }

// entries reads all entries. If there are none, the module has changed its layout; that
// must not look like a result without findings.
func (s source) entries() ([]entry, error) {
	paths, err := filepath.Glob(filepath.Join(s.entryDirectory(), "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no entries in data/osv", module)
	}
	entries := make([]entry, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &entries[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return entries, nil
}

func indexOf(entries []entry) (modules []*affected, vulns []indexed) {
	byPath := make(map[string]*affected)
	for _, e := range entries {
		vulns = append(vulns, indexed{e.ID, e.Modified, e.Aliases})
		for _, a := range e.Affected {
			m := byPath[a.Package.Name]
			if m == nil {
				m = &affected{Path: a.Package.Name}
				byPath[m.Path] = m
				modules = append(modules, m)
			}
			m.Vulns = append(m.Vulns, indexed{ID: e.ID, Modified: e.Modified})
		}
	}
	return modules, vulns
}
