package manual

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// prompt is what a shell prints when it takes a line. It is never typed as such, so the
// terminal's echo does not hold it.
const prompt = "its-your-turn"

// shell is an interactive shell on a terminal.
type shell struct {
	t        *testing.T
	terminal *os.File
	output   []byte
	seen     int // how much of the output is before the last prompt
}

// startShell starts a program on a terminal of its own, and waits for its prompt.
func startShell(t *testing.T, env []string, name string, args ...string) *shell {
	t.Helper()
	need(t, name)
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { near.Close() })
	number, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TERM=dumb", "HOME=" + t.TempDir()}, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &shell{t: t, terminal: near}
}

// line types a line, if it is not empty, and waits for the next prompt.
func (s *shell) line(text string) {
	s.t.Helper()
	if text != "" {
		if _, err := s.terminal.WriteString(text + "\n"); err != nil {
			s.t.Fatal(err)
		}
	}
	timer := time.AfterFunc(harness.Patience, func() { s.terminal.Close() })
	defer timer.Stop()
	buffer := make([]byte, 4096)
	for {
		if at := bytes.Index(s.output[s.seen:], []byte(prompt)); at >= 0 {
			s.seen += at + len(prompt)
			return
		}
		n, err := s.terminal.Read(buffer)
		s.output = append(s.output, buffer[:n]...)
		if err != nil {
			s.t.Fatalf("no prompt after %q: %v; the terminal shows:\n%s", text, err, s.output)
		}
	}
}

// completed types words up to a tab, and returns the words that the shell makes of it.
func (s *shell) completed(file, typed string) string {
	s.t.Helper()
	s.line(typed + "\t")
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatalf("%q has not run: %v; the terminal shows:\n%s", typed, err, s.output)
	}
	os.Remove(file)
	return strings.TrimSpace(string(text))
}
