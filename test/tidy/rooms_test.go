package tidy

import (
	"go/ast"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// shared is where the packages are that several suites import. Go's own rule for folders
// named internal cannot keep them: tests of ring, bufpool and cmd import them too.
const shared = "test/lib"

// TestFoldersOfTestAreSuites keeps programs, scripts and libraries out of where one looks
// for suites.
func TestFoldersOfTestAreSuites(t *testing.T) {
	suites, libraries := make(map[string]bool), make(map[string]bool)
	files(t, func(_ *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") {
			libraries[directory] = true
			return
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
				suites[directory] = true
			}
		}
	})
	for _, entry := range list(t, "test") {
		if name := "test/" + entry.Name(); name != shared && !suites[name] {
			t.Errorf("%s is no suite: libraries that suites share go to %s, programs and scripts to tools", name, shared)
		}
	}
	for _, entry := range list(t, shared) {
		if name := shared + "/" + entry.Name(); !libraries[name] {
			t.Errorf("%s is no library", name)
		}
	}
}

// TestProgramsAreInTheirFolders looks for package main, also in what go build leaves out.
func TestProgramsAreInTheirFolders(t *testing.T) {
	programs := make(map[string]bool)
	files(t, func(t *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		if file.Name.Name != "main" {
			return
		}
		programs[directory] = true
		ofSuite := within(directory, "test") && !within(directory, shared) && strings.Count(directory, "/") > 1
		if !ofSuite && !within(directory, "cmd") && !within(directory, "bench") && !within(directory, "tools") {
			t.Errorf("%s is of a program, which is in cmd, bench or tools, or, if only a suite starts it, below that suite", name)
		}
	})
	for _, entry := range list(t, "tools") {
		if name := "tools/" + entry.Name(); entry.IsDir() && !programs[name] {
			t.Errorf("%s is no program", name)
		}
	}
}

// TestOnlyLibrariesAreShared keeps suites to themselves, and what they share out of the
// programs.
func TestOnlyLibrariesAreShared(t *testing.T) {
	files(t, func(t *testing.T, directory, name string, _ *token.FileSet, file *ast.File) {
		for _, spec := range file.Imports {
			quoted, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imported, ours := strings.CutPrefix(quoted, module)
			switch {
			case !ours || !within(imported, "test"):
			case within(imported, shared):
				if !strings.HasSuffix(name, "_test.go") && !within(directory, "test") && !within(directory, "tools") {
					t.Errorf("%s imports %s, which is for tests", name, imported)
				}
			case !within(directory, suiteOf(imported)):
				t.Errorf("%s imports %s of another suite; what suites share is in %s", name, imported, shared)
			}
		}
	})
}

// suiteOf returns the folder test/NAME that a folder is, or is below.
func suiteOf(directory string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(directory, "test/"), "/")
	return "test/" + name
}

// list returns what is in a folder of the tree, without hidden files.
func list(t *testing.T, folder string) (entries []os.DirEntry) {
	t.Helper()
	all, err := os.ReadDir("../../" + folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range all {
		if !strings.HasPrefix(entry.Name(), ".") {
			entries = append(entries, entry)
		}
	}
	return entries
}
