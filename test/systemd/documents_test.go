package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// documents are those whose commands are run as they are written, each in a machine of
// its own.
var documents = []struct {
	name  string
	least int // of commands
}{
	{"README.md", 8},
	{"docs/migrate.md", 12},
}

// notRun says which lines are not run: a synopsis is not a command, and make test would take
// too long for what it shows.
func notRun(command string) bool {
	return command == "make test" || strings.Contains(command, "[OPTIONS...]")
}

// source is where a machine has the program's source, and what make has built.
const source = "/root/uring-socket-proxyd"

// TestDocuments follows the instructions of the documents. Commands of make and go
// run outside, where they build bin, and install into the machine.
func TestDocuments(t *testing.T) {
	tree := debian(t)
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../" + d.name)
			if err != nil {
				t.Fatal(err)
			}
			r := &reader{m: Boot(t, tree), name: d.name}
			r.prepare()
			for _, s := range steps(string(text)) {
				if !r.do(s) {
					return
				}
			}
		})
	}
}

var building sync.Mutex

// reader is who does what a document says.
type reader struct {
	m    *Machine
	name string
}

// prepare sets up what the documents take for granted: nginx behind a UNIX socket, the
// original in front of it, and what make has built.
func (r *reader) prepare() {
	m := r.m
	m.Run("umount", executable) // the reader installs it
	m.Run("rm", executable)
	m.InstallExample(simpleExample)
	m.Write(units+proxyService, "[Unit]\nRequires=nginx.service\nAfter=nginx.service\n"+
		"[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd "+nginxSocket+"\n")
	installNginx(m, "RuntimeDirectory=nginx")
	m.Write(webRoot+"/index.html", small)
	m.Write("/etc/hosts", "127.0.0.1 localhost example.org\n")
	m.Write("/usr/local/bin/sudo", "#!/bin/sh\nexec \"$@\"\n") // everybody is root here
	m.Run("chmod", "755", "/usr/local/bin/sudo")
	m.Run("mkdir", "-p", source+"/bin")
	if said, err := r.outside("make"); err != nil {
		m.t.Fatalf("make: %v\n%s", err, said)
	}
	program, err := os.ReadFile("../../bin/uring-socket-proxyd")
	if err != nil {
		m.t.Fatal(err)
	}
	m.Write(source+"/bin/uring-socket-proxyd", string(program))
	m.Run("chmod", "755", source+"/bin/uring-socket-proxyd")
	m.Listen()
	m.Run("systemctl", "start", proxyService)
}

// do does a step and reports whether the next one makes sense.
func (r *reader) do(s step) bool {
	where := fmt.Sprintf("%s:%d", r.name, s.line)
	if s.file != "" {
		r.m.Write(s.file, s.content)
		return true
	}
	if notRun(s.command) {
		return true
	}
	figures.Count("commands of documents", 1)
	var said string
	var err error
	words := strings.Fields(strings.TrimPrefix(s.command, "sudo "))
	for strings.Contains(words[0], "=") { // of the environment
		words = words[1:]
	}
	switch {
	case words[0] == "make" || words[0] == "go":
		said, err = r.outside(strings.TrimPrefix(s.command, "sudo "))
	case strings.HasSuffix(words[0], "uring-socket-proxyd") && strings.Contains(s.command, "--listen="):
		return r.stay(s.command, where)
	default:
		said, err = r.m.Try("sh", "-ec", "cd "+source+"\n"+s.command)
	}
	if err != nil {
		r.m.t.Errorf("%s: %s: %v\n%s", where, s.command, err, said)
		return false
	}
	if strings.HasSuffix(s.command, "--version") && !strings.HasPrefix(said, "uring-socket-proxyd ") {
		r.m.t.Errorf("%s: %s: %q is another program", where, s.command, said)
	}
	if strings.HasPrefix(s.command, "curl ") && said+"\n" != small {
		r.m.t.Errorf("%s: %s: fetched %q, want %q", where, s.command, said, small)
	}
	return true
}

// outside runs a command in the source's folder. One at a time: they write to bin.
func (r *reader) outside(command string) (string, error) {
	building.Lock()
	defer building.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", command)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "DESTDIR="+r.m.Path(""))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stay runs a command that forwards until it is ended, and fetches through it.
func (r *reader) stay(command, where string) bool {
	cmd := r.m.command("sh", "-ec", "cd "+source+"\nexec "+command)
	if err := cmd.Start(); err != nil {
		r.m.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // the machine's end ends what it has started
		_ = cmd.Wait()
	}()
	_, address, _ := strings.Cut(command, "--listen=")
	address, _, _ = strings.Cut(address, " ")
	said := ""
	harness.Until(r.m.t, where+": "+command+" to forward", func() bool {
		var err error
		said, err = r.m.Try("curl", "-sS", "--fail", "--max-time", "20", "http://"+address+"/")
		return err == nil
	})
	if said+"\n" != small {
		r.m.t.Errorf("%s: %s: fetched %q, want %q", where, command, said, small)
	}
	return true
}
