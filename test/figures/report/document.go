package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// What stands between these two lines of a document is written by updateDocument.
const (
	documentBegin = "<!-- figures: begin (written by make reliability, do not edit) -->"
	documentEnd   = "<!-- figures: end -->"
)

// updateDocument puts the figures into a Markdown document, by the make target that
// they are of. What is outside the two lines stays as it is. Figures of a suite that
// failed are refused: they are of a run that was cut short.
func updateDocument(path string, suites []suite) error {
	all := newTable(suites)
	if len(all.failed) > 0 {
		return fmt.Errorf("these suites failed: %s; run them again before their figures go into %s", strings.Join(all.failed, ", "), path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), documentBegin)
	_, after, ends := strings.Cut(rest, documentEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no line %q that is followed by %q; put them where the figures belong", path, documentBegin, documentEnd)
	}
	var fresh strings.Builder
	for _, folder := range folders(suites) {
		of := slices.DeleteFunc(slices.Clone(suites), func(s suite) bool { return s.folder != folder })
		fmt.Fprintf(&fresh, "### make %s\n\n%s\n", folder, newTable(of).markdown())
	}
	fmt.Fprintf(&fresh, "In all: %s.\n", all.sum())
	return os.WriteFile(path, []byte(before+documentBegin+"\n\n"+fresh.String()+"\n"+documentEnd+after), 0o644)
}

// targets are the make targets that leave figures, in the order of the document.
var targets = []string{"test", "kernels", "systemd", "soak"}

// folders lists the folders that suites are in.
func folders(suites []suite) (folders []string) {
	for _, s := range suites {
		folders = append(folders, s.folder)
	}
	slices.SortFunc(folders, inOrder(targets))
	return slices.Compact(folders)
}
