package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// updateDocument replaces everything between these two lines of a document.
const (
	documentBegin = "<!-- figures: begin (written by make reliability, do not edit) -->"
	documentEnd   = "<!-- figures: end -->"
)

// heading begins the section of a make target.
const heading = "### make "

// updateDocument puts the figures into a Markdown document, in a section for each make
// target. Sections of targets that left no figures stay, as does everything outside the
// two lines. Figures of a suite that failed are refused: its run was cut short.
func updateDocument(path string, suites []suite) error {
	if failed := newTable(suites).failed; len(failed) > 0 {
		return fmt.Errorf("these suites failed: %s; run them again before their figures go into %s", strings.Join(failed, ", "), path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), documentBegin)
	inside, after, ends := strings.Cut(rest, documentEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no line %q that is followed by %q; put them where the figures belong", path, documentBegin, documentEnd)
	}
	sections := sectionsOf(inside)
	for _, folder := range folders(suites) {
		of := slices.DeleteFunc(slices.Clone(suites), func(s suite) bool { return s.folder != folder })
		sections[folder] = newTable(of).markdown()
	}
	var fresh strings.Builder
	for _, target := range slices.SortedFunc(maps.Keys(sections), inOrder(targets)) {
		fmt.Fprintf(&fresh, "%s%s\n\n%s\n", heading, target, sections[target])
	}
	return os.WriteFile(path, []byte(before+documentBegin+"\n\n"+fresh.String()+documentEnd+after), 0o644)
}

// sectionsOf splits what updateDocument has written by target.
func sectionsOf(text string) map[string]string {
	sections := make(map[string]string)
	for _, section := range strings.Split(text, heading)[1:] {
		target, figures, _ := strings.Cut(section, "\n")
		sections[target] = strings.TrimSpace(figures) + "\n"
	}
	return sections
}

// targets are the make targets that leave figures, in the order of the document.
var targets = []string{"test", "kernels", "systemd", "soak", "torture"}

// folders lists the folders that suites left their figures in.
func folders(suites []suite) (folders []string) {
	for _, s := range suites {
		folders = append(folders, s.folder)
	}
	slices.SortFunc(folders, inOrder(targets))
	return slices.Compact(folders)
}
