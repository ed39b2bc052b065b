package refused

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// probeAnswer is what --probe=json prints.
type probeAnswer struct {
	Kernel, Engine, Reason string
	Features               []struct {
		Name, Since, Why string
		Present          *bool
		Used             bool
	}
}

func probe(t *testing.T, program *harness.Program) probeAnswer {
	t.Helper()
	out, err := exec.Command(program.Executable(t), append(program.Args[:len(program.Args):len(program.Args)], "--probe=json")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer probeAnswer
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return answer
}

func TestProbeWhereRefused(t *testing.T) {
	answer := probe(t, filtered(unix.EPERM))
	if answer.Engine != "epoll" || !strings.Contains(answer.Reason, "seccomp filter") {
		t.Errorf("it would take %q because of %q", answer.Engine, answer.Reason)
	}
	for _, f := range answer.Features {
		if f.Present != nil || f.Used || f.Name == "" || f.Since == "" || f.Why == "" {
			t.Errorf("of %s, which could not be tried, it says %+v", f.Name, f)
		}
	}
}

// TestProbeAgrees checks the answer against what --engine=auto then does.
func TestProbeAgrees(t *testing.T) {
	answer := probe(t, harness.Uring)
	auto := &harness.Program{Name: "auto", Graceful: true, Find: harness.Uring.Find}
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, auto, harness.TCP4, harness.Options{
		Args: []string{target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	line := proxy.AwaitLine("forwarding: ")
	if !strings.Contains(line, "engine="+answer.Engine) {
		t.Errorf("--probe announces %q, and the program says %q", answer.Engine, line)
	}
	used := 0
	for _, f := range answer.Features {
		if f.Used {
			used++
		}
	}
	if (used > 0) != (answer.Engine == "uring") {
		t.Errorf("%d features are used with the engine %q", used, answer.Engine)
	}
	table, err := exec.Command(auto.Executable(t), "--probe").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.Features {
		if !strings.Contains(string(table), f.Name) {
			t.Errorf("the table lacks %s", f.Name)
		}
	}
}
