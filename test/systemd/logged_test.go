package systemd

import (
	"io"
	"regexp"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var journalCases = []Case{{
	Name:   "journal/priorities",
	Shows:  "the journal has each message at its priority, and each in one entry",
	Setups: strictSetups,
	Run:    journalPriorities,
}}

// priorities are those of what the proxy says here, by how it begins.
var priorities = []struct{ message, priority string }{
	{"^cannot reach the target, closing the connection: target=/run/nobody tried=", "3"},
	{"^connection limit reached, ", "4"},
	{"^io_uring cannot be used, forwarding with epoll: ", "6"},
	{"^forwarding: ", "7"},
	{"^stopping: ", "7"},
	{"^ended: ", "7"},
}

func journalPriorities(t *testing.T, m *Machine) {
	m.Debug()
	m.ExecStart("/run/nobody")
	m.Start()
	conn, err := m.Dial()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("received %q of nobody (%v)", text, err)
	}
	conn.Close()
	m.Target(harness.Echo, "--connections-max=1")
	m.Restart()
	m.echo()
	if conn, err = m.Dial(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("received %q beyond the limit (%v)", text, err)
	}
	m.Stop()
	m.accepted(2) // both proxies have ended, and that is in the journal
	wantPriorities(t, m)
}

// echo sends through the proxy to an echo, which answers, and leaves the
// connection open until the test ends.
func (m *Machine) echo() {
	m.t.Helper()
	conn, err := m.Dial()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Close() })
	buffer := make([]byte, 5)
	if _, err = io.WriteString(conn, "hello"); err == nil {
		_, err = io.ReadFull(conn, buffer)
	}
	if err != nil || string(buffer) != "hello" {
		m.t.Fatalf("the echo is %q (%v)", buffer, err)
	}
}

// wantPriorities checks all that the proxy has written, and that it has written
// each of the messages that it must.
func wantPriorities(t *testing.T, m *Machine) {
	seen := make(map[string]int)
	for _, e := range m.said(proxyService) {
		known := false
		for _, p := range priorities {
			if regexp.MustCompile(p.message).MatchString(e.Message) {
				known = true
				seen[p.message]++
				if e.Priority != p.priority {
					t.Errorf("priority %s, want %s: %s", e.Priority, p.priority, e.Message)
				}
			}
		}
		if !known {
			t.Errorf("unexpected, at priority %s: %s", e.Priority, e.Message)
		}
	}
	for _, p := range priorities {
		want := 1
		switch {
		case p.priority == "7":
			want = 2 // two proxies have run
		case p.priority == "6" && m.Setup == without:
			want = 2
		case p.priority == "6":
			want = 0
		}
		if seen[p.message] != want {
			t.Errorf("%q is %d times in the journal, want %d", p.message, seen[p.message], want)
		}
	}
}
