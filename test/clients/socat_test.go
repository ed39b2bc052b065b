package clients

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// TestSocat sends a file through socat on both sides, which ends each direction
// by itself and so depends on half-closes.
func TestSocat(t *testing.T) {
	socat := need(t, "socat")
	forEach(t, func(t *testing.T, p *harness.Program) {
		for _, from := range []harness.Transport{harness.Unix, harness.TCP6} {
			t.Run(string(from)+" to unix-path", func(t *testing.T) {
				t.Parallel()
				throughSocat(t, p, socat, from)
			})
		}
	})
}

func throughSocat(t *testing.T, p *harness.Program, socat string, from harness.Transport) {
	path := filepath.Join(harness.ShortDir(t), "s")
	background(t, exec.Command(socat, "-t10", "UNIX-LISTEN:"+path+",fork", "EXEC:cat"))
	awaitListening(t, harness.Address{Network: "unix", Text: path})
	proxy := harness.StartProxy(t, p, from, path)
	address := "UNIX-CONNECT:" + proxy.Address.Text
	if from == harness.TCP6 {
		address = "TCP6:" + proxy.Address.Text
	}
	data := harness.Random(harness.Seed(t), 0, 8<<20)
	cmd := exec.Command(socat, "-t10", "-", address)
	cmd.Stdin = bytes.NewReader(data)
	timeout := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	got, err := cmd.Output()
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d came back, %v", len(got), len(data), err)
	}
}

// TestSocketActivate has systemd's own activator start the proxy at the first
// connection.
func TestSocketActivate(t *testing.T) {
	activate := need(t, "systemd-socket-activate")
	forEach(t, func(t *testing.T, p *harness.Program) {
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		path := filepath.Join(harness.ShortDir(t), "s")
		args := append([]string{"-l", path, p.Executable(t)}, p.Args...)
		cmd := exec.Command(activate, append(args, "--exit-idle-time=100ms", target.Target())...)
		var log output
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		address := harness.Address{Network: "unix", Text: path}
		harness.Until(t, "the activator to listen", func() bool {
			return regexp.MustCompile(`Listening on`).MatchString(log.String())
		})
		client := harness.Dial(t, address)
		client.SendText("wake up")
		client.ExpectText("wake up")
		client.EndWriting()
		client.ExpectEnd()
		select {
		case err := <-exited: // the activator became the proxy
			if err != nil {
				t.Errorf("%v; it wrote:\n%s", err, log.String())
			}
		case <-time.After(harness.Patience):
			t.Errorf("the proxy did not exit when idle; it wrote:\n%s", log.String())
		}
	})
}
