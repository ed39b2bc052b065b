package systemd

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var manualCases = []Case{
	{
		Name:   "manual/simple",
		Shows:  "the manual's simple example works with nothing but the path changed",
		Setups: []*Setup{simple, simpleEpoll},
		Run:    fetches,
	},
	{
		Name:   "manual/namespace",
		Shows:  "the manual's namespace example works with nothing but the path changed",
		Setups: []*Setup{namespace, namespaceEpoll},
		Run:    fetches,
	},
}

var serviceCases = []Case{
	{
		Name:   "service/fetch",
		Shows:  "curl fetches files, small and big, and they are intact",
		Setups: hardenedSetups,
		Run:    fetches,
	},
	{
		Name:   "service/notify",
		Shows:  "Type=notify reaches active, systemctl status tells what runs and how many connections there were, and systemctl stop ends it well",
		Setups: allSetups,
		Run:    notifies,
	},
}

const bigSize = 96 << 20

// fetches starts the socket alone, and has curl fetch files through what it
// activates.
func fetches(t *testing.T, m *Machine) {
	sum := m.writeBig("/srv/big")
	m.Listen()
	m.Want(proxyService, "ActiveState=inactive")
	for range 3 {
		if text := m.curl("small"); string(text) != small {
			t.Fatalf("fetched %q, want %q", text, small)
		}
	}
	hash := sha256.New()
	cmd := m.command("curl", "-sS", "--fail", "--max-time", "60", "http://localhost/big")
	cmd.Stdout = hash
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)); got != sum {
		t.Errorf("SHA-256 of the big file is %s, want %s", got, sum)
	}
	m.AwaitProperty(proxyService, "ActiveState", "active")
	m.Want(proxyService, "NRestarts=0")
	m.wantEngine()
}

// curl fetches a small file inside.
func (m *Machine) curl(name string) string {
	m.t.Helper()
	return m.Run("curl", "-sS", "--fail", "--max-time", "20", "http://localhost/"+name) + "\n"
}

// writeBig writes a big file and returns its SHA-256.
func (m *Machine) writeBig(path string) string {
	m.t.Helper()
	file, err := m.files.Create(strings.TrimPrefix(path, "/"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if err := harness.NewPattern(harness.Seed(m.t), 0).SendTo(io.MultiWriter(file, hash), bigSize, nil); err != nil {
		m.t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// wantEngine checks what the proxy moves bytes by: only the uring engine has a
// ring among its descriptors.
func (m *Machine) wantEngine() {
	m.t.Helper()
	folder := m.Path(fmt.Sprintf("/proc/%d/fd", m.MainPID()))
	entries, err := os.ReadDir(folder)
	if err != nil {
		m.t.Fatal(err)
	}
	engine := "epoll"
	for _, e := range entries {
		if link, _ := os.Readlink(folder + "/" + e.Name()); link == "anon_inode:[io_uring]" {
			engine = "uring"
		}
	}
	if engine != m.Setup.Engine {
		m.t.Errorf("the engine is %s, want %s", engine, m.Setup.Engine)
	}
}

func notifies(t *testing.T, m *Machine) {
	m.Start()
	m.Want(proxyService, "Type=notify", "ActiveState=active", "SubState=running")
	m.Fetch()
	status := m.Run("systemctl", "status", "--no-pager", "--full", proxyService)
	for _, want := range []string{
		"Active: active (running)",
		"TriggeredBy: ● " + proxySocket,
		fmt.Sprintf("Main PID: %d (uring-socket-pr)", m.MainPID()), // the kernel keeps 15 letters
		executable + " ",
		nginxSocket,
	} {
		if !strings.Contains(status, want) {
			t.Errorf("systemctl status lacks %q:\n%s", want, status)
		}
	}
	m.wantEngine()
	harness.Until(t, "the status to tell of the connection", func() bool {
		return strings.HasPrefix(m.Property(proxyService, "StatusText"), "0 connections now, 1 since the start; ")
	})
	pid := m.MainPID()
	m.Stop()
	m.Want(proxyService, "ActiveState=inactive", "Result=success", "ExecMainCode=1", "ExecMainStatus=0",
		fmt.Sprintf("ExecMainPID=%d", pid), "NRestarts=0")
	if conn, err := m.Dial(); err == nil {
		conn.Close()
		t.Error("somebody still listens on port 80")
	}
}
