package systemd

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

var restartCases = []Case{
	{
		Name:   "restart/waiting",
		Shows:  "each connection that comes between the old proxy and the new one is served by the new one",
		Setups: allSetups,
		Run:    restartWaiting,
	},
	{
		Name:   "restart/killed",
		Shows:  "each connection that a killed proxy had not accepted is served by the next one",
		Setups: allSetups,
		Run:    restartKilled,
	},
	{
		Name:   "restart/under-load",
		Shows:  "of the connections that come while the proxy is restarted again and again, only those are cut that the old one has accepted",
		Setups: strictSetups,
		Run:    restartUnderLoad,
	},
	{
		Name:   "restart/mistaken",
		Shows:  "a mistake on the command line is tried again and again with the units as they ship: the socket stays, and who waits is served once it is mended",
		Setups: []*Setup{hardened},
		Run:    restartMistaken,
	},
	{
		Name:   "drain/under-load",
		Shows:  "with --drain-timeout= no request fails while the proxy is restarted again and again",
		Setups: strictSetups,
		Run:    drainUnderLoad,
	},
	{
		Name:   "drain/transfer",
		Shows:  "with --drain-timeout= a transfer ends intact that a restart meets, and who comes meanwhile is served afterwards",
		Setups: strictSetups,
		Run:    drainTransfer,
	},
}

// crowd is how many connections wait at once; fewer than the proxy lets in.
const crowd = 200

// askAll connects a crowd, each of which sends its request.
func (m *Machine) askAll() []*exchange {
	m.t.Helper()
	var all []*exchange
	for range crowd {
		conn, err := m.Ask()
		if err != nil {
			m.t.Fatalf("connection %d: %v", len(all)+1, err)
		}
		all = append(all, conn)
	}
	return all
}

// wantAnswers checks that each of a crowd is served.
func (m *Machine) wantAnswers(all []*exchange) {
	m.t.Helper()
	failures := make(failures)
	for _, x := range all {
		failures.note(x.answer())
	}
	if len(failures) > 0 {
		m.t.Errorf("of %d not all were served: %v", len(all), failures)
	}
}

// restartWaiting lets the new proxy start only when a crowd waits.
func restartWaiting(t *testing.T, m *Machine) {
	m.Start()
	m.Fetch()
	const gate = "/run/gate"
	m.Run("mkfifo", gate)
	m.DropIn(proxyService, "gate", "[Service]\nExecStartPre=+cat "+gate)
	for range 3 {
		figures.Count("restarts", 1)
		m.Run("systemctl", "restart", "--no-block", proxyService)
		m.AwaitProperty(proxyService, "SubState", "start-pre")
		all := m.askAll()
		m.Run("sh", "-c", "echo open > "+gate)
		m.wantAnswers(all)
	}
	m.AwaitProperty(proxyService, "ActiveState", "active")
	m.Want(proxyService, "Result=success", "NRestarts=0")
}

// restartKilled has a crowd connect to a proxy that stands still, so that it surely
// accepts none of them, and kills it.
func restartKilled(t *testing.T, m *Machine) {
	m.DropIn(proxyService, "again", "[Service]\nRestart=on-failure\nRestartSec=0\n[Unit]\nStartLimitIntervalSec=0")
	m.Start()
	m.Fetch()
	for range 3 {
		m.Suspend()
		all := m.askAll()
		figures.Count("restarts", 1)
		m.Kill("SIGKILL")
		m.wantAnswers(all)
	}
	m.AwaitProperty(proxyService, "ActiveState", "active")
	m.Want(proxyService, "NRestarts=3")
}

// restartMistaken has the service fail at once more often than systemd's own limit of
// starts permits (5 in 10 s).
func restartMistaken(t *testing.T, m *Machine) {
	m.DropIn(proxyService, "soon", "[Service]\nRestartSec=50ms")
	m.ExecStart("--nonsense", nginxSocket)
	m.Listen()
	waits, err := m.Ask()
	if err != nil {
		t.Fatal(err)
	}
	harness.Until(t, "8 restarts", func() bool {
		n, err := strconv.Atoi(m.Property(proxyService, "NRestarts"))
		if err != nil {
			t.Fatal(err)
		}
		return n >= 8
	})
	m.Want(proxySocket, "ActiveState=active", "Result=success")
	m.ExecStart(nginxSocket)
	m.wantAnswers([]*exchange{waits})
}

// Clients that restarts are done under, and how many restarts, each after this
// many more requests.
const (
	clients  = 8
	restarts = 5
	between  = 50
)

// restartsUnderLoad has clients of which each makes connection after connection
// while the proxy is restarted, and returns what came of it.
func (m *Machine) restartsUnderLoad() *Load {
	m.t.Helper()
	m.Debug()
	m.DropIn(proxyService, "often", "[Unit]\nStartLimitIntervalSec=0")
	m.Start()
	load := m.StartLoad(clients)
	for range restarts {
		load.AwaitServed(between)
		m.Restart()
	}
	load.AwaitServed(between)
	load.Stop()
	m.Stop()
	m.t.Log(load)
	return load
}

// accepted is how many connections the proxies have accepted, of which each says so
// at its end.
func (m *Machine) accepted(proxies int) (sum int64) {
	m.t.Helper()
	matcher := regexp.MustCompile(`^ended: accepted=(\d+)`)
	for from := 0; proxies > 0; proxies-- {
		var e entry
		e, from = m.journal.await(m.t, from, proxyService, matcher.String())
		n, err := strconv.ParseInt(matcher.FindStringSubmatch(e.Message)[1], 10, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func restartUnderLoad(t *testing.T, m *Machine) {
	load := m.restartsUnderLoad()
	if n := load.Failed.Load(); n > 0 {
		t.Errorf("%d requests failed otherwise than by a reset", n)
	}
	// The old proxy stops accepting before it resets what it has. So a client that
	// was reset comes too late for it, and cannot meet the same again.
	reset, connected := load.Reset.Load(), load.Connected.Load()
	if reset > clients*restarts {
		t.Errorf("%d connections were reset: more than %d clients can have had open at %d restarts", reset, clients, restarts)
	}
	// Not counted are those that come between the accept and its end.
	accepted := m.accepted(restarts + 1)
	t.Logf("of %d connections %d were accepted and counted", connected, accepted)
	if accepted > connected || connected-accepted > reset {
		t.Errorf("%d connections, %d accepted, %d reset: some were lost", connected, accepted, reset)
	}
}

func drainUnderLoad(t *testing.T, m *Machine) {
	m.ExecStart("--drain-timeout=20s", nginxSocket)
	load := m.restartsUnderLoad()
	if failed := load.Reset.Load() + load.Failed.Load(); failed > 0 {
		t.Errorf("%d requests failed", failed)
	}
	if n, accepted := load.Connected.Load(), m.accepted(restarts+1); n != accepted {
		t.Errorf("%d connections, %d accepted", n, accepted)
	}
	m.Want(proxyService, "Result=success", "ExecMainStatus=0", "NRestarts=0")
}

// drainTransfer restarts the proxy in the middle of a transfer.
func drainTransfer(t *testing.T, m *Machine) {
	sum := m.writeBig(webRoot + "/big")
	m.ExecStart("--drain-timeout=60s", nginxSocket)
	m.Start()
	conn, err := m.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * harness.Patience))
	if _, err := io.WriteString(conn, "GET /big HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	if _, err := io.CopyN(hash, response.Body, bigSize/4); err != nil {
		t.Fatal(err)
	}
	old := m.MainPID()
	figures.Count("restarts", 1)
	m.Run("systemctl", "restart", "--no-block", proxyService)
	m.AwaitProperty(proxyService, "SubState", "stop-sigterm")
	all := m.askAll()
	m.Want(proxyService, fmt.Sprintf("MainPID=%d", old)) // it waits for the transfer
	if _, err := io.Copy(hash, response.Body); err != nil {
		t.Errorf("the rest of the transfer: %v", err)
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)); got != sum {
		t.Errorf("SHA-256 is %s, want %s", got, sum)
	}
	conn.Close()
	m.wantAnswers(all)
	if pid := m.MainPID(); pid == old {
		t.Error("the old proxy still runs")
	}
	m.AwaitProperty(proxyService, "ActiveState", "active")
	m.Want(proxyService, "Result=success", "NRestarts=0")
}
