package security

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// TestPassedDescriptorsAreDropped sends descriptors from both peers: none reaches the
// other side, and none stays in the program, which could run out of them.
func TestPassedDescriptorsAreDropped(t *testing.T) {
	each(t, func(t *testing.T, p *harness.Program) {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.Unix, script)
		proxy := harness.StartProxy(t, p, harness.Unix, target.Target())
		client, far := join(t, proxy, accepted)
		before := proxy.Descriptors()
		const rounds, each = 20, 50
		for round := range rounds {
			passDescriptors(t, client, far, each)
			passDescriptors(t, far, client, each)
			if n := proxy.Descriptors(); n > before {
				t.Fatalf("%d descriptors are open after round %d, %d were before", n, round, before)
			}
		}
		figures.Count("faults", 2*rounds)
	})
}

// passDescriptors sends n of them with a byte, which arrives alone.
func passDescriptors(t *testing.T, from, to *harness.Conn, n int) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	passed := make([]int, n)
	for i := range passed {
		passed[i] = int(null.Fd())
	}
	if _, _, err := from.Conn.(*net.UnixConn).WriteMsgUnix([]byte("x"), unix.UnixRights(passed...), nil); err != nil {
		t.Fatal(err)
	}
	data, control := make([]byte, 8), make([]byte, unix.CmsgSpace(4*n))
	got, gotControl, _, _, err := to.Conn.(*net.UnixConn).ReadMsgUnix(data, control)
	if err != nil || got != 1 || gotControl != 0 {
		t.Fatalf("%d bytes and %d of control data arrived (%v), want 1 and 0", got, gotControl, err)
	}
}

// TestNothingForAChild looks at the program at work: each descriptor but the standard
// ones closes on exec, and no memory can be both written and executed.
func TestNothingForAChild(t *testing.T) {
	each(t, func(t *testing.T, p *harness.Program) {
		script, accepted := harness.Hand()
		target := harness.Serve(t, harness.TCP4, script)
		proxy := harness.StartProxy(t, p.Plain(), harness.TCP4, target.Target(), "--workers=2", "--listen="+filepath.Join(harness.ShortDir(t), "s"))
		client, _ := join(t, proxy, accepted)
		// A stream that its target does not take, so that there are pipes.
		go client.Write(make([]byte, 64<<20))
		harness.Until(t, "a pipe", func() bool { return pipes(t, proxy) > 0 })
		for fd, flags := range descriptorFlags(t, proxy) {
			if fd > 2 && flags&unix.O_CLOEXEC == 0 && !ours(proxy, fd) {
				t.Errorf("descriptor %d (%s) would pass to a child", fd, link(proxy, fd))
			}
		}
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", proxy.PID()))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(maps)) {
			if permissions := strings.Fields(line)[1]; strings.Contains(permissions, "w") && strings.Contains(permissions, "x") {
				t.Errorf("memory that can be written and executed: %s", line)
			}
		}
		client.Close()
	})
}

// ours reports whether the program inherited a descriptor from whatever started the tests.
func ours(proxy *harness.Proxy, fd int) bool {
	own, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return err == nil && own == link(proxy, fd)
}

// link is what a descriptor is, as /proc shows it.
func link(proxy *harness.Proxy, fd int) string {
	text, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", proxy.PID(), fd))
	return text
}

// pipes counts a program's, the log's apart.
func pipes(t *testing.T, proxy *harness.Proxy) (n int) {
	t.Helper()
	for fd := range descriptorFlags(t, proxy) {
		if fd > 2 && !ours(proxy, fd) && strings.HasPrefix(link(proxy, fd), "pipe:") {
			n++
		}
	}
	return n
}

// descriptorFlags returns the flags of each of a program's descriptors.
func descriptorFlags(t *testing.T, proxy *harness.Proxy) map[int]int {
	t.Helper()
	all := make(map[int]int)
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", proxy.PID()))
	if err != nil || len(infos) < 4 {
		t.Fatalf("%d descriptors in /proc/%d/fdinfo (%v)", len(infos), proxy.PID(), err)
	}
	for _, path := range infos {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		_, rest, _ := strings.Cut(string(text), "flags:")
		flags, err := strconv.ParseInt(strings.Fields(rest)[0], 8, 64)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		all[fd] = int(flags)
	}
	return all
}
