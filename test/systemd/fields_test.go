package systemd

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var fieldCases = []Case{
	{
		Name:   "journal/fields",
		Shows:  "with --log-connections the journal has a connection's account as fields, beside the line",
		Setups: strictSetups,
		Run:    journalFields,
	},
	{
		Name:   "journal/hidden",
		Shows:  "where the unit hides the journal's socket from the proxy, its lines get there by standard error, at their priorities",
		Setups: strictSetups,
		Run:    journalHidden,
	},
	{
		Name:   "journal/identifier",
		Shows:  "with SYSTEMD_LOG_TARGET=console lines go by standard error, and SyslogIdentifier= counts",
		Setups: []*Setup{notify, strict},
		Run:    journalIdentifier,
	},
	{
		Name:   "journal/last-words",
		Shows:  "the error of a proxy that ends at once is in its unit's log, each time",
		Setups: []*Setup{notify, strict},
		Run:    journalLastWords,
	},
	{
		Name:   "journal/documented",
		Shows:  "the queries of docs/logs.md work as they are written",
		Setups: []*Setup{hardened},
		Run:    journalDocumented,
	},
}

// fields are all of an entry, by journalctl -o json.
func (m *Machine) fields(match ...string) (found []map[string]any) {
	m.t.Helper()
	out := m.Run("journalctl", append([]string{"--output=json", "--unit=" + proxyService}, match...)...)
	for line := range strings.Lines(out) {
		entry := make(map[string]any)
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			m.t.Fatalf("%v in %s", err, line)
		}
		found = append(found, entry)
	}
	return found
}

func journalFields(t *testing.T, m *Machine) {
	m.Target(harness.Echo, "--log-connections")
	m.Start()
	client := m.echoed()
	e := m.Await(proxyService, "^connection closed: ")
	all := m.fields("OUTCOME=client-ended")
	if len(all) != 1 {
		t.Fatalf("%d entries of one connection: %v", len(all), all)
	}
	for name, want := range map[string]string{
		"MESSAGE": e.Message, "PRIORITY": "6", "SYSLOG_IDENTIFIER": "uring-socket-proxyd", "SYSLOG_FACILITY": "3",
		"CLIENT": client, "LISTENER": "[::]:80", "TARGET": targetSocket, "BYTES_TO_TARGET": "5", "BYTES_TO_CLIENT": "5",
		"_TRANSPORT": "journal", "_SYSTEMD_UNIT": proxyService, "_PID": strconv.Itoa(m.MainPID()),
	} {
		if all[0][name] != want {
			t.Errorf("%s is %q, want %q", name, all[0][name], want)
		}
	}
	want := regexp.MustCompile(`^connection closed: client=` + regexp.QuoteMeta(client) + ` listener=\S+ target=` + targetSocket +
		` bytes-to-target=5 bytes-to-client=5 duration=\S+ outcome=client-ended$`)
	if !want.MatchString(e.Message) {
		t.Errorf("the message is %q", e.Message)
	}
	if usec, err := strconv.Atoi(fmt.Sprint(all[0]["DURATION_USEC"])); err != nil || usec <= 0 {
		t.Errorf("DURATION_USEC is %v", all[0]["DURATION_USEC"])
	}
}

// echoed has an echo answer, ends the connection, and tells its client's address.
func (m *Machine) echoed() string {
	m.t.Helper()
	conn, err := m.Dial()
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	if _, err = io.WriteString(conn, "hello"); err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	text, readErr := io.ReadAll(conn)
	if err != nil || readErr != nil || string(text) != "hello" {
		m.t.Fatalf("the echo is %q (%v, %v)", text, err, readErr)
	}
	return conn.LocalAddr().String()
}

func journalHidden(t *testing.T, m *Machine) {
	m.DropIn(proxyService, "hidden", "[Service]\nInaccessiblePaths=/run/systemd/journal/socket")
	m.Target(harness.Echo, "--log-connections")
	m.Start()
	m.echoed()
	e := m.Await(proxyService, "^connection closed: .* outcome=client-ended$")
	if e.Transport != "stdout" || e.Priority != "6" || e.Target != "" {
		t.Errorf("the entry is %+v", e)
	}
}

func journalIdentifier(t *testing.T, m *Machine) {
	m.DropIn(proxyService, "identifier", "[Service]\nSyslogIdentifier=front\nEnvironment=SYSTEMD_LOG_TARGET=console")
	m.Target(harness.Echo, "--log-connections")
	m.Start()
	m.echoed()
	e := m.Await(proxyService, "^connection closed: .* outcome=client-ended$")
	if e.Transport != "stdout" || e.Priority != "6" || e.Identifier != "front" {
		t.Errorf("the entry is %+v", e)
	}
}

func journalLastWords(t *testing.T, m *Machine) {
	const times = 10
	m.ExecStart("--connections-max=none", "/run/nobody")
	m.Listen()
	m.DropIn(proxyService, "restart", "[Service]\nRestart=no")
	for i := range times {
		_, _ = m.Try("systemctl", "reset-failed", proxyService, proxySocket)
		if _, err := m.Try("systemctl", "start", proxyService); err == nil {
			t.Fatal("it has started")
		}
		harness.Until(t, "the error to be in the unit's log", func() bool {
			n := 0
			for _, e := range m.said(proxyService) {
				if strings.HasPrefix(e.Message, "uring-socket-proxyd: --connections-max=") {
					n++
				} else if e.Message == "" {
					t.Fatal("there is an empty entry")
				}
			}
			return n == i+1
		})
	}
}

// codeBlock is one of a shell's, in Markdown.
var codeBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

func journalDocumented(t *testing.T, m *Machine) {
	text, err := os.ReadFile(filepath.FromSlash("../../docs/logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	m.ExecStart("--log-connections", nginxSocket)
	m.Start()
	for range 3 {
		m.Fetch()
	}
	conn, err := m.Dial()
	if err == nil {
		_, err = io.WriteString(conn, "GET ")
	}
	if err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	m.Await(proxyService, "^connection closed: .* outcome=client-reset$")
	blocks := codeBlock.FindAllSubmatch(text, -1)
	if len(blocks) < 5 {
		t.Fatalf("found %d queries", len(blocks))
	}
	for _, block := range blocks {
		script := string(block[1])
		out, err := m.Try("sh", "-e", "-c", script)
		if err != nil || out == "" && strings.Contains(script, "journalctl") {
			t.Errorf("%v: it printed %q:\n%s", err, out, script)
		}
		t.Logf("%s%s", script, out)
	}
	m.Await(proxyService, "^counters: ")
}
