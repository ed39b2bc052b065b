package systemd

import (
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// manual is the original's manual page, in the machine.
const manual = "usr/share/man/man8/systemd-socket-proxyd.8.gz"

// The sections of the manual's two examples.
const (
	simpleExample    = "Simple Example"
	namespaceExample = "Namespace Example"
)

// exampleTitle is the title of a file in an example, as the manual numbers them.
var exampleTitle = regexp.MustCompile(`^Example \d+\. (\S+)$`)

// example returns the files of one of the manual's examples, by name.
func (m *Machine) example(section string) map[string]string {
	m.t.Helper()
	files := examples(m.t, m.page())[section]
	for _, name := range []string{proxySocket, proxyService, "nginx.conf"} {
		if files[name] == "" {
			m.t.Fatalf("the manual's %s has no %s", section, name)
		}
	}
	return files
}

func (m *Machine) page() string {
	m.t.Helper()
	file, err := m.files.Open(manual)
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close()
	reader, err := gzip.NewReader(file)
	if err != nil {
		m.t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// examples reads what a manual page shows verbatim (between .nf and .fi) under a
// title of an example, by section and by the name in the title.
func examples(t *testing.T, page string) map[string]map[string]string {
	t.Helper()
	all := make(map[string]map[string]string)
	section, title, verbatim := "", "", false
	for line := range strings.Lines(page) {
		text := plain(line)
		switch {
		case strings.HasPrefix(line, ".SS "):
			section, title = strings.Trim(strings.TrimSpace(text[len(".SS "):]), `"`), ""
			all[section] = make(map[string]string)
		case strings.HasPrefix(line, ".nf"):
			verbatim = true
		case strings.HasPrefix(line, ".fi"):
			verbatim, title = false, ""
		case verbatim && title != "":
			all[section][title] += text
		default:
			if match := exampleTitle.FindStringSubmatch(strings.TrimSpace(text)); match != nil && section != "" {
				title = match[1]
			}
		}
	}
	return all
}

// escapes are those of roff that the page has.
var escapes = strings.NewReplacer(`\fB`, "", `\fR`, "", `\fI`, "", `\&`, "", `\ `, " ", `\-`, "-", `\e`, `\`)

func plain(line string) string { return escapes.Replace(line) }

// theOriginal is the path that the manual has for the program.
var theOriginal = regexp.MustCompile(`(?m)^ExecStart=\S*/systemd-socket-proxyd `)

// InstallExample installs an example's units and nginx's configuration as they are
// written, but for the path of the program.
func (m *Machine) InstallExample(section string) {
	m.t.Helper()
	files := m.example(section)
	service := files[proxyService]
	if n := len(theOriginal.FindAllString(service, -1)); n != 1 {
		m.t.Fatalf("%s starts the original %d times:\n%s", proxyService, n, service)
	}
	m.Write(units+proxySocket, files[proxySocket])
	m.Write(units+proxyService, theOriginal.ReplaceAllString(service, "ExecStart="+executable+" "))
	// The manual leaves out what surrounds the server and what it serves.
	conf := strings.Replace(files["nginx.conf"], "[...]\n", "", 1)
	m.Write(nginxSite, strings.Replace(conf, "[...]\n", "root "+webRoot+"; access_log off;\n}\n", 1))
}

// TestExamples reads a page by hand, to see the reader fail when it does.
func TestExamples(t *testing.T) {
	const page = `.SS "Simple Example"
.PP
\fBExample\ \&1.\ \&proxy\-to\-nginx\&.socket\fR
.if n \{\
.RS 4
.\}
.nf
[Socket]
ListenStream=80
.fi
.PP
.nf
not part of it
.fi
.SS "Other"
\fBExample\ \&2.\ \&a\fR
.nf
b
.fi
`
	got := examples(t, page)
	if text := got[simpleExample][proxySocket]; text != "[Socket]\nListenStream=80\n" {
		t.Errorf("read %q", text)
	}
	if text := got["Other"]["a"]; text != "b\n" {
		t.Errorf("read %q", text)
	}
	if _, err := os.Stat("/" + manual); err == nil {
		t.Log("this machine has the page too")
	}
}
