package systemd

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var hardenedCases = []Case{
	{
		Name:   "hardened/score",
		Shows:  "systemd-analyze security finds little to object to",
		Setups: []*Setup{hardened, without},
		Run:    func(t *testing.T, m *Machine) { wantScore(t, m, 1) },
	},
	{
		Name:   "hardened/confined",
		Shows:  "the process has no rights and sees next to nothing",
		Setups: []*Setup{hardened, without},
		Run:    confined,
	},
	{
		Name:   "hardened/falls-back",
		Shows:  "where the filter refuses io_uring, the proxy says so once, and how to change it",
		Setups: []*Setup{without},
		Run:    fallsBack,
	},
	{
		Name:   "hardened/permissions",
		Shows:  "the target's socket file decides whether the proxy may connect, also by the group",
		Setups: []*Setup{hardened, without},
		Run:    permissions,
	},
	{
		Name:   "hardened/tcp-target",
		Shows:  "with tcp-target.conf a target is reached by its name",
		Setups: hardenedSetups,
		Run:    tcpTarget,
	},
	{
		Name:   "hardened/transparent",
		Shows:  "with transparent.conf the target sees the client's address, and the process has the one capability for that",
		Setups: hardenedSetups,
		Run:    transparentTarget,
	},
	{
		Name:   "hardened/limits",
		Shows:  "LimitNOFILE= suffices for as many connections as are let in, all of them stuck both ways",
		Setups: hardenedSetups,
		Run:    limits,
	},
}

// wantScore checks the exposure that systemd computes, from 0 to 10.
func wantScore(t *testing.T, m *Machine, most float64) {
	t.Helper()
	text := m.Run("systemd-analyze", "security", "--no-pager", proxyService)
	match := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) `).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no score in:\n%s", text)
	}
	score, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exposure: %v of 10", score)
	if score > most {
		t.Errorf("the exposure is %v, want at most %v:\n%s", score, most, text)
	}
}

func confined(t *testing.T, m *Machine) {
	m.Start()
	m.Fetch()
	m.wantEngine()
	process := m.Path(fmt.Sprintf("/proc/%d", m.MainPID()))
	status, err := os.ReadFile(process + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`CapEff:\t0{16}\n`, `CapBnd:\t0{16}\n`, `CapAmb:\t0{16}\n`, `NoNewPrivs:\t1\n`, `Seccomp:\t2\n`,
		`Uid:\t6[0-9]{4}\t`, `Umask:\t0077\n`, // systemd's dynamic users are 61184 to 65519
	} {
		if !regexp.MustCompile(want).Match(status) {
			t.Errorf("%s is not in:\n%s", want, status)
		}
	}
	mounts, err := os.ReadFile(process + "/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(` /proc .*hidepid=invisible,subset=pid`).Match(mounts) {
		t.Errorf("its /proc is not its own:\n%s", mounts)
	}
	network, err := os.ReadFile(process + "/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(network), ":"); n != 1 {
		t.Errorf("it sees %d network interfaces, want the loopback alone:\n%s", n, network)
	}
	wantNothingWritable(t, m, process)
}

// wantNothingWritable looks through all that the process sees, as its user, for
// what that may write to. Devices that hold nothing and what it shows of itself in
// /proc do not count. Neither do sockets: connecting to one writes no file.
func wantNothingWritable(t *testing.T, m *Machine, process string) {
	t.Helper()
	info, err := os.Stat(process)
	if err != nil {
		t.Fatal(err)
	}
	user := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid))
	find := fmt.Sprintf("nsenter --target %d --mount -- setpriv --reuid=%[2]s --regid=%[2]s --clear-groups "+
		"find / -path /proc -prune -o -writable ! -type l ! -type s ! -type c -print 2>&1 | grep -v 'Permission denied$' || :", m.MainPID(), user)
	if out := m.Run("sh", "-c", find); out != "" {
		t.Errorf("it can write to:\n%s", out)
	}
}

func fallsBack(t *testing.T, m *Machine) {
	m.Start()
	m.Fetch()
	const reason = "^io_uring cannot be used, forwarding with epoll: reason=.*a seccomp filter refuses io_uring, .*" +
		"allow io_uring_setup, io_uring_enter and io_uring_register in the filter"
	m.Await(proxyService, reason)
	m.wantEngine()
	m.Stop()
	if n := m.journal.count("io_uring cannot be used"); n != 1 {
		t.Errorf("it is said %d times, not once", n)
	}
}

// groupOfWeb is www-data on every Debian.
const groupOfWeb = 33

func permissions(t *testing.T, m *Machine) {
	socket := m.Target(harness.Echo)
	if err := os.Chmod(socket, 0o660); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(socket, 0, groupOfWeb); err != nil {
		t.Fatal(err)
	}
	m.Start()
	conn, err := m.Dial()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if e := m.Await(proxyService, "^cannot reach the target.*permission denied"); e.Priority != "3" {
		t.Errorf("priority %s, want 3: %s", e.Priority, e.Message)
	}
	m.DropIn(proxyService, "group", "[Service]\nSupplementaryGroups=www-data")
	m.Restart()
	m.echo()
}

// limits lets in as many clients as the unit does, each of which floods its target
// and is flooded by it, and soon reads nothing any more. They connect to a UNIX
// socket, whose buffers are small: TCP's would fill the memory that the machine has
// for all of TCP.
func limits(t *testing.T, m *Machine) {
	const most = 256 // --connections-max=
	const front = "/run/front"
	m.DropIn(proxySocket, "front", "[Socket]\nListenStream=\nListenStream="+front)
	script, accepted := harness.Hand()
	m.Target(func(c *harness.Conn) {
		go flood(c.Conn)
		script(c)
	}, "--buffer-size=64K")
	m.Start()
	for range most {
		near := harness.Dial(t, harness.Address{Network: "unix", Text: m.Path(front)})
		go flood(near.Conn)
		far := next(t, accepted)
		for _, conn := range []*harness.Conn{near, far} { // so that each half becomes a stream
			if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	descriptors := func() int {
		entries, err := os.ReadDir(m.Path(fmt.Sprintf("/proc/%d/fd", m.MainPID())))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	// Two each at least, and a pipe for each half that is stuck as a stream.
	harness.Until(t, "most halves to hold a pipe", func() bool { return descriptors() >= 5*most })
	t.Logf("%d connections take %d descriptors", most, descriptors())
	m.Want(proxyService, "NRestarts=0", "LimitNOFILE=2048")
	if said := m.said(proxyService); len(said) > m.notices() {
		t.Errorf("it has logged %v", said)
	}
}

// next is the next connection that reaches the target.
func next(t *testing.T, accepted <-chan *harness.Conn) *harness.Conn {
	t.Helper()
	select {
	case conn := <-accepted:
		return conn
	case <-time.After(harness.Patience):
		t.Fatalf("within %v no connection reaches the target", harness.Patience)
		return nil
	}
}

// flood sends until the connection ends.
func flood(conn net.Conn) { _ = harness.NewPattern(1, 1).SendTo(conn, 1<<40, nil) }

// notices is how much a proxy logs that has nothing to complain of.
func (m *Machine) notices() int {
	if m.Setup == without {
		return 1 // why it takes epoll
	}
	return 0
}
