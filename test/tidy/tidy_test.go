// Package tidy enforces the rules of the tree as tests: what belongs into which folder, what
// may import what, how long functions and files may be, and how many flags an engine may have.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module        = "uring-socket-proxyd/"
	giouring      = "github.com/pawelgaczynski/giouring"
	functionLines = 70
	fileLines     = 500
	fileFlags     = 8
)

// files calls check with each Go file of the tree; directory is relative to it.
func files(t *testing.T, check func(t *testing.T, directory, name string, set *token.FileSet, file *ast.File)) {
	t.Helper()
	const root = "../.."
	n := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		n++
		check(t, filepath.Dir(name), name, set, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("found %d files: this is not the tree", n)
	}
}

// mayNot lists what packages in a directory, and below, must not import, but for one.
var mayNot = []struct{ directory, imported, but string }{
	{"ring", module + "fallback", ""},
	{"ring", module + "cmd", ""},
	{"ring/uring", module, ""},
	{"fallback", module + "ring", ""},
	{"fallback", module + "cmd", ""},
	{"bufpool", module, ""},
	{"internal", module + "ring", ""},
	{"internal", module + "fallback", ""},
	{"internal", module + "bufpool", "internal/connection"},
	{"internal", module + "cmd", ""},
	{"internal/socket", module + "internal/target", ""},
	{"internal", "unsafe", "internal/socket"},
	{"cmd", "unsafe", ""},
	{"cmd", giouring, ""},
	{"internal", giouring, ""},
	{"fallback", giouring, ""},
	{"test", giouring, ""},
}

// layers are rooms from below: none imports one that is above it.
var layers = []string{
	"internal/vsock", "internal/socket", "internal/statistics", "internal/wheel", "internal/proxyprotocol",
	"internal/target", "internal/activation", "internal/resolver", "internal/forward", "internal/report",
	"internal/crew", "internal/connection", "ring", "fallback", "cmd",
}

// layerOf is how high a folder is; negative if it is not in a layer.
func layerOf(directory string) int {
	return slices.IndexFunc(layers, func(layer string) bool { return within(directory, layer) })
}

func TestImportsRunOneWay(t *testing.T) {
	files(t, func(t *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		if strings.HasSuffix(name, "_test.go") {
			return // a test may look from outside
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range mayNot {
				if within(directory, rule.directory) && directory != rule.but && strings.HasPrefix(imported, rule.imported) {
					t.Errorf("%s imports %s", name, imported)
				}
			}
			if own := layerOf(directory); own >= 0 && layerOf(strings.TrimPrefix(imported, module)) > own {
				t.Errorf("%s imports %s, which is above it", name, imported)
			}
			if imported == giouring && directory != "ring/uring" && directory != "bufpool" {
				t.Errorf("%s imports giouring, which only ring/uring and bufpool may", name)
			}
		}
	})
}

func within(directory, parent string) bool {
	return directory == parent || strings.HasPrefix(directory, parent+"/")
}

func TestFunctionsFitAScreen(t *testing.T) {
	files(t, func(t *testing.T, _, name string, set *token.FileSet, file *ast.File) {
		if lines := set.Position(file.End()).Line; lines > fileLines {
			t.Errorf("%s has %d lines, more than %d", name, lines, fileLines)
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > functionLines {
					t.Errorf("%s: %s has %d lines, more than %d", name, f.Name.Name, n, functionLines)
				}
			}
		}
	})
}

// TestStatesInsteadOfFlags bounds how many flags a file of the engines may keep: what
// excludes each other is one value with a name.
func TestStatesInsteadOfFlags(t *testing.T) {
	files(t, func(t *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		if directory != "ring" && directory != "fallback" && directory != "internal/connection" || strings.HasSuffix(name, "_test.go") {
			return
		}
		flags := 0
		ast.Inspect(file, func(node ast.Node) bool {
			if fields, ok := node.(*ast.StructType); ok {
				for _, field := range fields.Fields.List {
					if kind, ok := field.Type.(*ast.Ident); ok && kind.Name == "bool" {
						flags += len(field.Names)
					}
				}
			}
			return true
		})
		if flags > fileFlags {
			t.Errorf("%s keeps %d flags, more than %d", name, flags, fileFlags)
		}
	})
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	documented := make(map[string]bool)
	files(t, func(t *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		documented[directory] = documented[directory] || file.Doc != nil
	})
	for directory, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", directory)
		}
	}
}
