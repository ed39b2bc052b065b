package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// put writes a file below directory.
func put(t *testing.T, directory, name, text string) {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// vulnerable is an entry about a function of the standard library.
func vulnerable(id, path, function string) string {
	return `{"schema_version": "1.3.1", "id": "` + id + `", "modified": "2026-01-02T03:04:05Z", "published": "2026-01-02T03:04:05Z",
		"summary": "made up", "details": "made up",
		"affected": [{"package": {"name": "stdlib", "ecosystem": "Go"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
			"ecosystem_specific": {"imports": [{"path": "` + path + `", "symbols": ["` + function + `"]}]}}],
		"database_specific": {"url": "none", "review_status": "REVIEWED"}}`
}

// TestWhatIsReachable makes a database of two vulnerabilities, and has the real
// govulncheck look at a program that calls only one of the functions.
func TestWhatIsReachable(t *testing.T) {
	module, database, program := t.TempDir(), t.TempDir(), t.TempDir()
	put(t, module, "data/osv/GO-2026-0001.json", vulnerable("GO-2026-0001", "os", "ReadFile"))
	put(t, module, "data/osv/GO-2026-0002.json", vulnerable("GO-2026-0002", "os", "Truncate"))
	if n, err := (source{Dir: module, Time: time.Now()}).write(database); n != 2 || err != nil {
		t.Fatalf("%d entries were written (%v), want 2", n, err)
	}
	put(t, program, "go.mod", "module program\n\ngo 1.26\n")
	put(t, program, "main.go", "package main\n\nimport \"os\"\n\nfunc main() { os.ReadFile(\"x\") }\n")
	findings, err := check(database, "-C", program, ".")
	if err != nil {
		t.Fatal(err)
	}
	if got := names(findings); !slices.Equal(got, []string{"GO-2026-0001"}) {
		t.Errorf("found %v, want GO-2026-0001 alone, in:\n%s", got, findings)
	}
	put(t, program, "main.go", "package main\n\nimport \"os\"\n\nfunc main() { os.Getpid() }\n")
	if findings, err := check(database, "-C", program, "."); findings != "" || err != nil {
		t.Errorf("a program that calls neither: %v\n%s", err, findings)
	}
}

func TestNoEntriesAreAnError(t *testing.T) {
	if n, err := (source{Dir: t.TempDir()}).write(t.TempDir()); err == nil {
		t.Errorf("a module without entries passes for a database of %d", n)
	}
}
