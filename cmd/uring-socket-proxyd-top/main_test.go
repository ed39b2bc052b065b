package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// asTop makes the test's own executable the program under test.
const asTop = "TEST_AS_TOP"

func TestMain(m *testing.M) {
	if os.Getenv(asTop) != "" {
		main()
		return
	}
	os.Exit(harness.Main(m))
}

func top(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asTop+"=yes")
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// startProxy starts a proxy to an echoing target that tells its metrics at an address.
func startProxy(t *testing.T, metrics string) *harness.Proxy {
	t.Helper()
	target := harness.Serve(t, harness.Unix, harness.Echo)
	proxy := harness.StartProxyWith(t, harness.Epoll, harness.TCP4, harness.Options{
		Args: []string{"--metrics=" + metrics, target.Target()},
		Env:  []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.MetricsAddress()
	return proxy
}

func exchange(c *harness.Conn) {
	c.SendText("hello")
	c.ExpectText("hello")
}

func TestLines(t *testing.T) {
	metrics := harness.NewAddress(t, harness.Unix).Text
	proxy := startProxy(t, metrics)
	for range 3 {
		exchange(proxy.Dial(t))
	}
	cmd := top(t, "--interval=100ms", "--count=3", metrics)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want the head and 3:\n%s", len(lines), out)
	}
	for i, line := range lines {
		if fields := strings.Fields(line); len(fields) != len(columns) || i > 0 && fields[1] != "3" {
			t.Errorf("line %d is %q", i, line)
		}
	}
}

// TestRestart ends the proxy and starts another one, while top goes on.
func TestRestart(t *testing.T) {
	metrics := harness.NewAddress(t, harness.Abstract).Text
	first := startProxy(t, metrics)
	exchange(first.Dial(t))
	cmd := top(t, "--interval=100ms", metrics)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	await := func(open string) {
		t.Helper()
		for lines.Scan() {
			if fields := strings.Fields(lines.Text()); fields[1] == open {
				return
			}
		}
		t.Fatalf("the output ended before a line with %s connections", open)
	}
	await("1")
	first.Signal(syscall.SIGTERM)
	first.AwaitExit()
	errors := bufio.NewScanner(stderr)
	if !errors.Scan() || !strings.Contains(errors.Text(), "refused; retrying") {
		t.Errorf("about the end of the proxy it said %q", errors.Text())
	}
	second := startProxy(t, metrics)
	exchange(second.Dial(t))
	exchange(second.Dial(t))
	await("2")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stdout)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, after %q", err, rest)
	}
}

func TestNobodyAnswers(t *testing.T) {
	unused := harness.Unused(t, harness.TCP4)
	other := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	go http.Serve(other, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "welcome 1") }))
	for address, want := range map[string]string{
		unused.Text:        "connection refused; is a proxy running with --metrics=" + unused.Text,
		other.Text:         "the program there is not uring-socket-proxyd",
		"/nowhere/at/all":  "no such file",
		"nowhere.test:900": "not an IP address",
	} {
		out, err := top(t, address).CombinedOutput()
		if err == nil || err.Error() != "exit status 1" || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %q, want %q", address, err, out, want)
		}
	}
}

var controls = regexp.MustCompile(`\x1b\[[?0-9]*[a-zA-Z]`)

func TestScreen(t *testing.T) {
	metrics := harness.Unused(t, harness.TCP4).Text
	proxy := startProxy(t, metrics)
	exchange(proxy.Dial(t))
	ours, theirs := harness.Terminal(t, 30, 100)
	cmd := top(t, "--interval=100ms", metrics)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that a resize is told it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var written strings.Builder
	frames := make(chan string)
	go func() { // until the terminal has no program any more
		defer close(frames)
		in := bufio.NewReader(ours)
		for {
			frame, err := in.ReadString('J') // the last character of clearBelow
			written.WriteString(frame)
			if strings.HasSuffix(frame, clearBelow) {
				frames <- frame
			}
			if err != nil {
				return
			}
		}
	}()
	frame := awaitFrame(t, frames, 30, 100)
	for _, part := range []string{"uring-socket-proxyd 0.", "engine epoll, workers 1, Linux", "connections              1", "to client", "connect", "process"} {
		if !strings.Contains(frame, part) {
			t.Errorf("%q is not on the screen:\n%s", part, frame)
		}
	}
	harness.Resize(t, ours, 5, 40)
	awaitFrame(t, frames, 5, 40)
	proxy.Signal(syscall.SIGTERM)
	for !strings.Contains(awaitFrame(t, frames, 5, 40), "No answer, retrying") {
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range frames {
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if all := written.String(); !strings.HasPrefix(all, enter) || !strings.HasSuffix(all, leave) {
		t.Errorf("the terminal is not left as it was: it begins with %q and ends with %q", all[:20], all[len(all)-20:])
	}
}

// awaitFrame returns the next frame that fits a terminal of that size, as text.
func awaitFrame(t *testing.T, frames <-chan string, rows, columns int) string {
	t.Helper()
	timeout := time.After(harness.Patience)
	for {
		select {
		case frame := <-frames:
			text := controls.ReplaceAllString(frame, "")
			lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
			fits := len(lines) <= rows
			for _, line := range lines {
				fits = fits && len(line) <= columns
			}
			if fits {
				return text
			}
		case <-timeout:
			t.Fatalf("no frame of %d rows and %d columns came", rows, columns)
		}
	}
}
