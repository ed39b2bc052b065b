package containers

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaces are the flags of clone(2) that make one. CLONE_NEWTIME is none of them:
// there its bit is of the signal.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// TestProfileRules reads the profile: a call without conditions is named once, and those
// whose arguments decide have no rule without.
func TestProfileRules(t *testing.T) {
	p := readProfile(t)
	seen := make(map[string]bool)
	for _, r := range p.Syscalls {
		if slices.Contains(r.Names, "clone3") {
			if r.Action != "SCMP_ACT_ERRNO" || r.ErrnoRet != int(unix.ENOSYS) || len(r.Names) != 1 {
				t.Errorf("%+v: clone3 is to be missing", r)
			}
		} else if r.Action != "SCMP_ACT_ALLOW" {
			t.Errorf("%v: %s", r.Names, r.Action)
		}
		if slices.Equal(r.Names, []string{"clone"}) {
			want := []condition{{Index: 0, Value: namespaces, ValueTwo: 0, Op: "SCMP_CMP_MASKED_EQ"}}
			if !slices.Equal(r.Args, want) {
				t.Errorf("clone is bound by %+v, want %+v", r.Args, want)
			}
		}
		for _, name := range r.Names {
			conditional := name == "clone" || name == "socket"
			if conditional != (len(r.Args) > 0) {
				t.Errorf("%s: conditions %+v", name, r.Args)
			}
			if seen[name] && name != "socket" {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
	}
	for _, forbidden := range []string{"mount", "bpf", "setns", "init_module", "fork", "vfork", "process_vm_readv"} {
		if seen[forbidden] {
			t.Errorf("%s is allowed", forbidden)
		}
	}
	if len(p.without().Syscalls) != len(p.Syscalls)-1 {
		t.Error("io_uring's calls are not a rule of their own")
	}
}

// tried are what test/containers/attempt tries, and what the profile makes of it.
var tried = []struct{ what, want string }{
	{"clone a process", "done"},
	{"clone into a mount namespace", "EPERM"},
	{"clone into a cgroup namespace", "EPERM"},
	{"clone into a UTS namespace", "EPERM"},
	{"clone into an IPC namespace", "EPERM"},
	{"clone into a user namespace", "EPERM"},
	{"clone into a process namespace", "EPERM"},
	{"clone into a network namespace", "EPERM"},
	{"clone3 a process", "ENOSYS"},
	{"clone3 into a user namespace", "ENOSYS"},
	{"unshare", "EPERM"},
	{"ptrace", "EPERM"},
	{"keyctl", "EPERM"},
	{"personality", "EPERM"},
	{"memfd_create", "EPERM"},
	{"chmod", "EPERM"},
	{"UNIX socket", "done"},
	{"IPv4 socket", "done"},
	{"IPv6 socket", "done"},
	{"route netlink socket", "done"},
	{"netfilter netlink socket", "EPERM"},
	{"audit netlink socket", "EPERM"},
	{"crypto socket", "EPERM"},
	{"VSOCK socket", "EPERM"},
}

// TestProfileRefuses tries, as a program in a container would that has been taken over,
// what docs/containers.md says that the profile refuses. Without the profile the same
// is done, or the machine does not have it.
func TestProfileRefuses(t *testing.T) {
	runtime, program := runc(t), static(t, "uring-socket-proxyd/test/containers/attempt")
	with, without := attempt(t, runtime, program, readProfile(t)), attempt(t, runtime, program, nil)
	if len(with) != len(tried) {
		t.Errorf("it tried %d things, want %d: %q", len(with), len(tried), with)
	}
	for _, c := range tried {
		t.Run(c.what, func(t *testing.T) {
			if with[c.what] != c.want {
				t.Errorf("under the profile: %q, want %s", with[c.what], c.want)
			}
			if without[c.what] != "done" {
				t.Logf("without the profile it is %q, so this shows nothing here", without[c.what])
			}
		})
	}
}

// TestProfileWithVSOCK adds the rule for VSOCK that docs/containers.md has.
func TestProfileWithVSOCK(t *testing.T) {
	runtime, program := runc(t), static(t, "uring-socket-proxyd/test/containers/attempt")
	if _, err := os.Stat("/dev/vsock"); err != nil {
		t.Skip("this kernel has no VSOCK: ", err)
	}
	p := readProfile(t)
	p.Syscalls = append(p.Syscalls, rule{Names: []string{"socket"}, Action: "SCMP_ACT_ALLOW", Args: []condition{{Value: unix.AF_VSOCK, Op: "SCMP_CMP_EQ"}}})
	said := attempt(t, runtime, program, p)
	if said["VSOCK socket"] != "done" || said["netfilter netlink socket"] != "EPERM" {
		t.Errorf("with the rule: %q", said)
	}
}

// attempt runs the program of attempts in a container, and returns what it said.
func attempt(t *testing.T, runtime, program string, seccomp *profile) map[string]string {
	t.Helper()
	folder := bundle(t, program, seccomp, nil)
	name := fmt.Sprintf("proxy-attempt-%d", os.Getpid())
	cmd := exec.Command(runtime, "--root="+t.TempDir(), "run", "--bundle="+folder, name)
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, trouble.String())
	}
	said := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		what, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		said[what] = result
	}
	return said
}
