package peer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/bench/scenario"
)

// find is a peer as if its program were there.
func find(t *testing.T, name string) *Peer {
	t.Helper()
	for _, p := range all("/bin/ours", "/bin/gocopy") {
		if p.Name == name {
			return &p
		}
	}
	t.Fatalf("no peer %s", name)
	return nil
}

func TestArguments(t *testing.T) {
	tcp := Setting{Listen: "127.0.0.1:1234", Target: "127.0.0.1:80", Directory: "/d"}
	local := Setting{Listen: "/d/listen", Target: "/d/target", Directory: "/d"}
	passed := Setting{Inherited: true, Target: "127.0.0.1:80", Directory: "/d"}
	for _, test := range []struct {
		peer    string
		setting Setting
		want    string
	}{
		{"original", passed, "--connections-max=5000 127.0.0.1:80"},
		{"uring", passed, "--engine=uring --connections-max=5000 127.0.0.1:80"},
		{"uring-busy", passed, "--engine=uring --connections-max=5000 --busy-poll=50us 127.0.0.1:80"},
		{"epoll", local, "--engine=epoll --connections-max=5000 /d/target"},
		{"gocopy", tcp, "127.0.0.1:1234 127.0.0.1:80"},
		{"gocopy", passed, "inherited 127.0.0.1:80"},
		{"socat", tcp, "-b 65536 TCP4-LISTEN:1234,bind=127.0.0.1,reuseaddr,nodelay,fork,backlog=4096 TCP4:127.0.0.1:80,nodelay"},
		{"socat", local, "-b 65536 UNIX-LISTEN:/d/listen,fork,backlog=4096 UNIX-CONNECT:/d/target"},
		{"haproxy", tcp, "-db -f /d/haproxy.cfg"},
		{"nginx", tcp, "-e stderr -p /d -c /d/nginx.cfg"},
	} {
		p := find(t, test.peer)
		if err := test.setting.complete(p); err != nil {
			t.Fatal(err)
		}
		got, err := p.arguments(&test.setting)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, %v, want %q", test.peer, got, err, test.want)
		}
	}
}

func TestVariantAddsArguments(t *testing.T) {
	v := find(t, "uring").Variant("uring -x", "--ring-features=-x")
	setting := Setting{Inherited: true, Target: "/d/target"}
	if err := setting.complete(&v); err != nil {
		t.Fatal(err)
	}
	got, err := v.arguments(&setting)
	want := []string{"--engine=uring", "--connections-max=5000", "--ring-features=-x", "/d/target"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestConfigurations(t *testing.T) {
	for _, test := range []struct {
		peer    string
		setting Setting
		want    []string
	}{
		{"haproxy", Setting{Listen: "127.0.0.1:1234", Target: "127.0.0.1:80"}, []string{"bind 127.0.0.1:1234 ", "server target 127.0.0.1:80\n", "nbthread 1", "maxconn 5000"}},
		{"haproxy", Setting{Listen: "/d/listen", Target: "/d/target"}, []string{"bind unix@/d/listen ", "server target unix@/d/target\n"}},
		{"haproxy", Setting{Inherited: true, Target: "127.0.0.1:80"}, []string{"bind fd@3\n"}},
		{"nginx", Setting{Listen: "127.0.0.1:1234", Target: "127.0.0.1:80"}, []string{"listen 127.0.0.1:1234 ", "proxy_pass 127.0.0.1:80;", "worker_processes 1;"}},
		{"nginx", Setting{Listen: "/d/listen", Target: "/d/target"}, []string{"listen unix:/d/listen ", "proxy_pass unix:/d/target;"}},
	} {
		p := find(t, test.peer)
		if err := test.setting.complete(p); err != nil {
			t.Fatal(err)
		}
		got, err := p.configuration(&test.setting)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", test.peer, want, got)
			}
		}
	}
}

func TestMissingPeerSaysWhy(t *testing.T) {
	found, err := Find([]string{"uring", "direct"}, "/nowhere/uring-socket-proxyd", "")
	if err != nil {
		t.Fatal(err)
	}
	if found[0].Missing != "" || !strings.Contains(found[1].Missing, "/nowhere/uring-socket-proxyd") {
		t.Errorf("missing: %q and %q", found[0].Missing, found[1].Missing)
	}
	if _, err := Find([]string{"rinetd"}, "", ""); err == nil || !strings.Contains(err.Error(), "original") {
		t.Errorf("an unknown peer: %v", err)
	}
}

func TestCannot(t *testing.T) {
	activate := scenario.Scenario{Kind: scenario.Activate}
	for name, want := range map[string]bool{Direct: true, "nginx": true, "original": false, "uring": false, "haproxy": false} {
		if got := find(t, name).Cannot(&activate); (got != "") != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if reason := find(t, "nginx").Cannot(&scenario.Scenario{Kind: scenario.Echo}); reason != "" {
		t.Errorf("nginx cannot echo: %s", reason)
	}
}

func TestSomeTakePartInSingleScenarios(t *testing.T) {
	for _, test := range []struct {
		peer, scenario string
		want           bool
	}{{"uring", "echo-1", true}, {"uring", "echo-8", true}, {"uring-busy", "echo-1", true}, {"uring-busy", "echo-8", false}} {
		if got := find(t, test.peer).TakesPart(&scenario.Scenario{Name: test.scenario}); got != test.want {
			t.Errorf("%s takes part in %s: %v", test.peer, test.scenario, got)
		}
	}
	for _, p := range all("", "") {
		for _, name := range p.only {
			if !slices.Contains(scenario.Names(), name) {
				t.Errorf("%s is for %s, which is no scenario", p.Name, name)
			}
		}
	}
}

func TestStopEndsAllProcesses(t *testing.T) {
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	pids := filepath.Join(directory, "pids")
	script := filepath.Join(directory, "script")
	// A leader with a child that no longer has a parent of its session.
	text := "#!/bin/sh\n(sleep 60 & echo $! >" + pids + ")\necho $$ >>" + pids + "\nsleep 60\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	p := Program("script", script)
	process, err := p.run(Setting{Listen: "/x", Target: "/y", Directory: directory}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	var lines []string
	for deadline := time.Now().Add(5 * time.Second); len(lines) < 2; time.Sleep(5 * time.Millisecond) {
		written, _ := os.ReadFile(pids)
		lines = strings.Fields(string(written))
		if time.Now().After(deadline) {
			t.Fatal("the script did not start")
		}
	}
	process.Stop()
	for _, pid := range lines {
		if status, err := os.ReadFile("/proc/" + pid + "/status"); err == nil && !strings.Contains(string(status), "Z (zombie)") {
			t.Errorf("process %s still runs", pid)
		}
	}
	if process.Check() == nil {
		t.Error("Check says that it runs")
	}
}
