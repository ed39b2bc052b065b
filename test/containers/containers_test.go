// Package containers runs the static program as a container runtime does: alone in an
// empty root, as an unprivileged user, under the seccomp profile of dist/oci. It also
// checks the other files there.
package containers

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const profilePath = "../../dist/oci/seccomp.json"

// profile is a seccomp profile, in the words of the OCI runtime specification.
type profile struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet int      `json:"defaultErrnoRet"`
	Architectures   []string `json:"architectures"`
	Syscalls        []rule   `json:"syscalls"`
}

type rule struct {
	Names    []string    `json:"names"`
	Action   string      `json:"action"`
	ErrnoRet int         `json:"errnoRet,omitempty"`
	Args     []condition `json:"args,omitempty"`
}

// condition is asked of an argument of a call; all of a rule's must hold.
type condition struct {
	Index    int    `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo"`
	Op       string `json:"op"`
}

func readProfile(t *testing.T) *profile {
	t.Helper()
	file, err := os.Open(profilePath)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var p profile
	if err := decoder.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// without is the profile without what io_uring needs, as runtimes have it by default.
func (p *profile) without() *profile {
	less := *p
	less.Syscalls = slices.DeleteFunc(slices.Clone(p.Syscalls), func(r rule) bool { return strings.HasPrefix(r.Names[0], "io_uring_") })
	return &less
}

// static builds a program as the image has ours.
func static(t *testing.T, what string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(what))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-checklinkname=0 -s -w", "-ldflags=uring-socket-proxyd/cmd/uring-socket-proxyd=-checklinkname=0 -s -w -E=_preflight", "-o", path, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// runc is the runtime, or the test is skipped.
func runc(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making a container like this needs root")
	}
	path, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("runc is not installed; tools/install-packages installs it on Debian")
	}
	return path
}

// bundle makes what a runtime runs: a root with the program alone, and how to run it,
// under a profile or under none. The network is this machine's.
func bundle(t *testing.T, program string, seccomp *profile, args []string) string {
	t.Helper()
	folder := t.TempDir()
	root := filepath.Join(folder, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "program"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	mount := func(kind, at string) object {
		return object{"destination": at, "type": kind, "source": kind, "options": []string{"nosuid", "noexec", "nodev"}}
	}
	config := object{
		"ociVersion": "1.0.2",
		"root":       object{"path": "rootfs", "readonly": true},
		"mounts":     []object{mount("proc", "/proc")},
		"process": object{
			"user": object{"uid": 65532, "gid": 65532}, "cwd": "/", "noNewPrivileges": true,
			"args":         append([]string{"/program"}, args...),
			"env":          []string{"SYSTEMD_LOG_LEVEL=debug"},
			"capabilities": object{},
			"rlimits":      []object{{"type": "RLIMIT_NOFILE", "soft": 4096, "hard": 4096}},
		},
		"linux": object{
			"namespaces": []object{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}},
			"seccomp":    seccomp, // null is none
		},
	}
	text, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "config.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

const streamSize = 32 << 20

// TestInContainer forwards from within one: by io_uring under the profile, and without
// its calls by epoll, with a line that says so.
func TestInContainer(t *testing.T) {
	runtime, program := runc(t), static(t, "uring-socket-proxyd/cmd/uring-socket-proxyd")
	for _, c := range []struct {
		name, engine string
		seccomp      *profile
	}{
		{"profile", "engine=uring", readProfile(t)},
		{"without io_uring", "a seccomp filter refuses io_uring", readProfile(t).without()},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := harness.Serve(t, harness.TCP4, harness.Echo)
			folder := bundle(t, program, c.seccomp, []string{"--listen=127.0.0.1:0", target.Target()})
			name := fmt.Sprintf("proxy-test-%d-%s", os.Getpid(), strings.ReplaceAll(c.name, " ", "-"))
			state := t.TempDir()
			script := filepath.Join(state, "run")
			if err := os.WriteFile(script, []byte(fmt.Sprintf("#!/bin/sh\nexec %s --root=%s run --bundle=%s %s\n", runtime, state, folder, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			p := harness.Start(t, &harness.Program{Name: "runc", Graceful: true, Find: func(testing.TB) string { return script }}, harness.Options{MayFail: true})
			t.Cleanup(func() { _ = exec.Command(runtime, "--root="+state, "delete", "--force", name).Run() })
			line := p.AwaitLine("^forwarding: ")
			_, address, _ := strings.Cut(line, "listener=")
			address, _, _ = strings.Cut(address, " ")
			conn := harness.Dial(t, harness.Address{Network: "tcp4", Text: address})
			conn.SendText("hello")
			conn.ExpectText("hello")
			// A stream, which moves through pipes.
			pattern := harness.NewPattern(harness.Seed(t), 0)
			sent := make(chan error, 1)
			go func() { sent <- pattern.SendTo(conn.Conn, streamSize, nil) }()
			if n, err := io.CopyN(io.Discard, conn.Conn, streamSize); err != nil {
				t.Errorf("%d of %d bytes came back: %v", n, streamSize, err)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			conn.Close()
			p.AwaitLine(c.engine)
			if out, err := exec.Command(runtime, "--root="+state, "kill", name, "TERM").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if status := p.AwaitExit(); status != "exit status 0" {
				t.Errorf("after SIGTERM it ends with %s", status)
			}
		})
	}
}
