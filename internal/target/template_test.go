package target

import (
	"reflect"
	"strings"
	"testing"
)

func TestTemplateFor(t *testing.T) {
	for _, test := range []struct {
		text, name string
		port       int
		want       string
	}{
		{"127.0.0.1:80", "web", 8080, "127.0.0.1:80"},
		{"127.0.0.1:{port}", "web", 8080, "127.0.0.1:8080"},
		{"[::1]:{port}", "web", 65535, "[::1]:65535"},
		{"{name}:{port}", "web", 1, "web:1"},
		{"vsock:3:{port}", "web", 4294967294, "vsock:3:4294967294"},
		{"vsock:{name}:80", "host", 1, "vsock:host:80"},
		{"{name}", "web", 0, "web"},
		{"/run/{name}/{port}{port}.sock", "a b", 7, "/run/a b/77.sock"},
		{"@{name}", "x.socket", 0, "@x.socket"},
		{"{name}", "/run/x", 0, "/run/x"},
		{"unix:/run/{name}{x}", "web", 0, "unix:/run/web{x}"},
		{"/run/{name}", "{port}", 9, "/run/{port}"},
		{"/run/{nmae}", "web", 9, "/run/{nmae}"},
		{"/run/{name", "web", 9, "/run/{name"},
		{"/run/{{name}}", "web", 9, "/run/{web}"},
		{"@{PORT}", "web", 9, "@{PORT}"},
	} {
		template, err := ParseTemplate(test.text)
		if err != nil || template.String() != test.text {
			t.Errorf("ParseTemplate(%q) = %q, %v", test.text, template, err)
			continue
		}
		got, err := template.For(test.name, test.port)
		want, wantErr := Parse(test.want)
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q for %q, %d is %q, %v; want %q", test.text, test.name, test.port, got, err, test.want)
		}
	}
}

func TestTemplateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                 `target "": empty; `,
		"host:0":           `target "host:0": port 0 is out of range`,
		"localhost:{prot}": `target "localhost:{prot}": only the listener's {port} and {name} may stand in braces`,
		"{host}:{port}":    `target "{host}:{port}": only the listener's {port} and {name}`,
		"localhost:{port":  `only the listener's {port} and {name}`,
		"localhost:{}":     `only the listener's {port} and {name}`,
		"localhost:{PORT}": `only the listener's {port} and {name}`,
	} {
		if template, err := ParseTemplate(text); err == nil || !strings.Contains(err.Error(), want) || template.String() != "" {
			t.Errorf("ParseTemplate(%q) = %q, %v; want …%s…", text, template, err, want)
		}
	}
	for _, test := range []struct {
		text, name string
		port       int
		want       string
	}{
		{"127.0.0.1:{port}", "web", 0, `target "127.0.0.1:{port}": the listener has no port for {port}; `},
		{":{port}", "web", 80, `target ":80": no host before the port`},
		{"127.0.0.1:1{port}", "web", 65535, `target "127.0.0.1:165535": port 165535 is out of range`},
		{"{name}:80", "a b", 0, `target "a b:80": contains white space`},
		{"/{name}", "", 0, `target "/": the root directory is not a socket`},
	} {
		template, err := ParseTemplate(test.text)
		if err != nil {
			t.Errorf("ParseTemplate(%q): %v", test.text, err)
			continue
		}
		if got, err := template.For(test.name, test.port); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q for %q, %d is %q, %v; want …%s…", test.text, test.name, test.port, got, err, test.want)
		}
	}
}

// FuzzTemplate checks that a template is what its expansion is, and that one without
// placeholders is the target that it looks like.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"127.0.0.1:{port}", "/run/{name}", "{name}:{port}", "{", "{}", "{port", "@{name}", "localhost:80", "{{port}}", "[::1]:{port}", "vsock:3:{port}", "vsock:{name}:{port}"} {
		f.Add(text, "web.socket", uint16(80))
	}
	f.Fuzz(func(t *testing.T, text, name string, port uint16) {
		template, err := ParseTemplate(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("ParseTemplate(%q): the error is not one clean line: %q", text, err)
			}
			return
		}
		got, err := template.For(name, int(port))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("%q for %q: the error is not one clean line: %q", text, name, err)
			}
			return
		}
		if template.isFixed() && got.String() != text {
			t.Errorf("%q for %q is %q", text, name, got)
		}
		if again, err := Parse(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q for %q is %q, whose text gives %q, %v", text, name, got, again, err)
		}
	})
}
