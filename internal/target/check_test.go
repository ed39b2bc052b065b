package target

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for link, to := range map[string]string{"to-socket": "socket", "to-file": "file", "to-nothing": "nothing"} {
		if err := os.Symlink(to, path(link)); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		dir:                     "is a directory, not a socket; write the path of a socket",
		path("file"):            "is a regular file, not a socket",
		"unix:" + path("file"):  "is a regular file, not a socket",
		path("to-file"):         "is a regular file, not a socket",
		path("fifo"):            "is not a socket",
		path("socket"):          "",
		path("to-socket"):       "",
		path("to-nothing"):      "",
		path("nothing"):         "",
		path("file/below"):      "",
		"@" + dir:               "",
		"vsock:2:80":            "",
		"127.0.0.1:80":          "",
		"12346":                 `target "12346": a port needs a host; write localhost:12346`,
		"0080":                  "write localhost:0080",
		"65536":                 "a port needs a host; write HOST:PORT",
		"16777215":              "a port needs a host",
		"0":                     "",
		"12346:80":              "",
		"localhost:8o80":        `"8o80" is not a port, and no service has that name; use 1 to 65535`,
		"127.0.0.1:0x50":        `"0x50" is not a port`,
		"[::1]:80a":             `"80a" is not a port`,
		"localhost:http":        "",
		"localhost:unknown-yet": "",
	} {
		target, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		switch err := target.Check(); {
		case want == "" && err != nil:
			t.Errorf("Check of %q: %v; want none", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "target ")):
			t.Errorf("Check of %q: %v; want …%s…", text, err, want)
		}
	}
}
