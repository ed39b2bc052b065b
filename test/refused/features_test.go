package refused

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// failing is the proxy, with one call of io_uring's failing in each thread, as strace has
// it.
func failing(t *testing.T, call, inject string) *harness.Program {
	t.Helper()
	tracer, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	return &harness.Program{
		Name:     "failing",
		Graceful: true,
		Find:     func(testing.TB) string { return tracer },
		// -D: the program has the process id that its parent knows.
		Args: []string{"-D", "-f", "-qq", "-o/dev/null", "-etrace=" + call, "-einject=" + call + ":" + inject, harness.Uring.Executable(t)},
	}
}

// TestFeatureThatFails takes something from the ring that was wanted: traffic flows, and
// one line says what it does without, and why.
func TestFeatureThatFails(t *testing.T) {
	if answer := probe(t, harness.Uring); answer.Engine != "uring" {
		t.Skip(answer.Reason)
	}
	for name, test := range map[string]struct {
		call, inject string
		args         []string
		want         string
	}{
		"sqpoll": {"io_uring_setup", "error=ENOMEM:when=1", []string{"--ring-features=+sqpoll"},
			`feature=sqpoll reason="io_uring_setup: cannot allocate memory"`},
		"sqpoll, by several workers": {"io_uring_setup", "error=EAGAIN:when=1", []string{"--ring-features=+sqpoll", "--workers=3"},
			`feature=sqpoll reason="io_uring_setup: resource temporarily unavailable"`},
		"defer-taskrun": {"io_uring_setup", "error=ENOMEM:when=1", nil,
			`feature=defer-taskrun reason="io_uring_setup: cannot allocate memory"`},
		"both of two that exclude each other": {"io_uring_setup", "error=ENOMEM:when=100", []string{"--ring-features=+sqpoll,+defer-taskrun"},
			`feature=defer-taskrun reason="it cannot be combined with sqpoll"`},
		// The first call bounds the kernel's threads, the second one restricts.
		"restrictions": {"io_uring_register", "error=EACCES:when=2", []string{"--ring-features=-defer-taskrun"},
			`feature=restrictions reason="restricting the ring: io_uring_register: permission denied"`},
	} {
		t.Run(name, func(t *testing.T) {
			target := harness.Serve(t, harness.TCP4, harness.Echo)
			proxy := harness.StartProxyWith(t, failing(t, test.call, test.inject), harness.TCP4, harness.Options{
				Args: append(slices.Clone(test.args), "--engine=uring", target.Target())})
			client := proxy.Dial(t)
			client.SendText("through a ring")
			client.ExpectText("through a ring")
			proxy.AwaitLine("^io_uring is used without a feature: ")
			if lines := proxy.Lines(); len(lines) != 1 || lines[0] != "io_uring is used without a feature: "+test.want {
				t.Errorf("logged %q, want one line with %s", lines, test.want)
			}
		})
	}
}

// TestFeaturesOfEpoll switches features of a ring that there is none of.
func TestFeaturesOfEpoll(t *testing.T) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, harness.Epoll, harness.TCP4, harness.Options{Args: []string{"--ring-features=-splice", target.Target()}})
	proxy.AwaitLine("^--ring-features does nothing: .*--engine=epoll")
	client := proxy.Dial(t)
	client.SendText("through epoll")
	client.ExpectText("through epoll")
	if lines := proxy.Lines(); len(lines) != 1 {
		t.Errorf("%d lines were logged, not 1:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// TestProbeWithoutMemory has no memory left for one of the features that --probe tries:
// that one is not known, the others are.
func TestProbeWithoutMemory(t *testing.T) {
	whole := probe(t, harness.Uring)
	if whole.Engine != "uring" {
		t.Skip(whole.Reason)
	}
	unknown := make(map[string]bool)
	for _, when := range []string{"2", "3"} {
		program := failing(t, "io_uring_setup", "error="+unix.ErrnoName(unix.ENOMEM)+":when="+when)
		answer := probe(t, program)
		if answer.Engine != "uring" {
			t.Errorf("it would take %q because of %q", answer.Engine, answer.Reason)
		}
		for i, f := range answer.Features {
			switch there := whole.Features[i].Present; {
			case f.Present == nil:
				unknown[f.Name] = true
			case *f.Present != *there:
				t.Errorf("of %s it says %v, and with memory %v", f.Name, *f.Present, *there)
			}
		}
	}
	for _, name := range []string{"IORING_REGISTER_RESTRICTIONS", "IORING_SETUP_SQPOLL"} {
		if !unknown[name] || len(unknown) != 2 {
			t.Errorf("what is not known is %v, want %s among two", unknown, name)
		}
	}
}
