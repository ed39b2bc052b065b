package systemd

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// step is something that a document instructs its reader to do.
type step struct {
	line    int
	command string
	// file is written with content instead.
	file, content string
}

var (
	// inline is a command within a sentence. Others than these are only spoken of.
	inline = regexp.MustCompile("`(sudo [^`]+)`")
	// written is what comes before a block that is a file's content.
	written = regexp.MustCompile("`(/etc/[^`]+)`:$")
	edited  = regexp.MustCompile("`sudo systemctl edit ([^` ]+)`")
)

// steps reads a document's instructions, in its order: commands in indented blocks and
// blocks marked as sh, those within sentences that begin with sudo, and files: blocks
// behind a sentence that ends with a path, or that says systemctl edit.
func steps(text string) (found []step) {
	lines := strings.Split(text, "\n")
	paragraph := ""
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "```"):
			block, kind, at := "", line[3:], i+2
			for i++; i < len(lines) && !strings.HasPrefix(lines[i], "```"); i++ {
				block += lines[i] + "\n"
			}
			if kind == "sh" {
				found = append(found, commands(block, at)...)
			} else if name := fileNamed(paragraph); name != "" {
				found = append(found, step{line: at, file: name, content: block})
			}
			paragraph = ""
		case strings.HasPrefix(line, "    ") && (i == 0 || lines[i-1] == "" || strings.HasPrefix(lines[i-1], "    ")):
			found = append(found, commands(strings.TrimSpace(line)+"\n", i+1)...)
		case line == "":
			found = append(found, spoken(paragraph, i)...)
			if i+1 < len(lines) && !strings.HasPrefix(lines[i+1], "```") {
				paragraph = ""
			}
		default:
			paragraph = strings.TrimSpace(paragraph + " " + strings.TrimSpace(line))
		}
	}
	return append(found, spoken(paragraph, len(lines))...)
}

// spoken are the commands within a paragraph. systemctl edit is done by writing.
func spoken(paragraph string, line int) (found []step) {
	for _, match := range inline.FindAllStringSubmatch(paragraph, -1) {
		if !edited.MatchString(match[0]) {
			found = append(found, step{line: line, command: strings.ReplaceAll(match[1], "\n", " ")})
		}
	}
	return found
}

func fileNamed(paragraph string) string {
	if match := written.FindStringSubmatch(paragraph); match != nil {
		return match[1]
	}
	if match := edited.FindStringSubmatch(paragraph); match != nil {
		return units + match[1] + ".d/override.conf"
	}
	return ""
}

func commands(block string, line int) (found []step) {
	for n, text := range strings.Split(strings.TrimSuffix(block, "\n"), "\n") {
		if text != "" && text[0] != '#' {
			found = append(found, step{line: line + n, command: text})
		}
	}
	return found
}

// TestSteps reads a document by hand, to see the reader fail when it does.
func TestSteps(t *testing.T) {
	got := steps("# Title\n\nRun `sudo systemctl edit a.service` and write\n\n```ini\n[Service]\nA=b\n```\n\n" +
		"Then `sudo a\nb` and `not this`.\n\n    first --x\n    second\n\nThe file `/etc/c`:\n\n```ini\nc\n```\n\n```sh\nd\n```\n\n```\nnot this\n```\n\n- item\n    not this\n")
	want := []step{
		{line: 6, file: units + "a.service.d/override.conf", content: "[Service]\nA=b\n"},
		{line: 11, command: "sudo a b"},
		{line: 13, command: "first --x"},
		{line: 14, command: "second"},
		{line: 19, file: "/etc/c", content: "c\n"},
		{line: 23, command: "d"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
}

// TestDocumentsHaveSteps notices when a document is written in another way than the
// reader knows, without a machine.
func TestDocumentsHaveSteps(t *testing.T) {
	for _, d := range documents {
		text, err := os.ReadFile("../../" + d.name)
		if err != nil {
			t.Fatal(err)
		}
		found := steps(string(text))
		n := len(slices.DeleteFunc(slices.Clone(found), func(s step) bool { return s.command == "" }))
		if n < d.least {
			t.Errorf("%s has only %d commands, expected %d: %+v", d.name, n, d.least, found)
		}
	}
}
