package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/bench/scenario"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Subcommand {
		if err := Main(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestPatternFindsEachFault(t *testing.T) {
	p := newPattern(7)
	const position, n = 3*period - 100, 1000
	right := append([]byte(nil), p.at(position, n)...)
	if err := p.check(position, right); err != nil {
		t.Fatalf("the right bytes: %v", err)
	}
	altered := append([]byte(nil), right...)
	altered[500] ^= 1
	for name, wrong := range map[string][]byte{
		"altered":  altered,
		"lost":     append(append([]byte(nil), right[:10]...), right[11:]...),
		"repeated": append(append([]byte(nil), right[:10]...), right[9:]...),
	} {
		if p.check(position, wrong) == nil {
			t.Errorf("%s bytes were not noticed", name)
		}
	}
	if p.check(position+longest, right) == nil {
		t.Error("a block that arrives 64 KiB too early was not noticed")
	}
	if newPattern(8).check(position, right) == nil {
		t.Error("another seed has the same bytes")
	}
}

func TestScheduleDoesNotDrift(t *testing.T) {
	s := schedule{start: 5, rate: 3}
	for i, want := range map[uint64]int64{0: 5, 1: 333_333_338, 3: 1_000_000_005, 3_000_000: 1_000_000_000_000_005} {
		if got := s.at(i); got != want {
			t.Errorf("message %d is due at %d, want %d", i, got, want)
		}
	}
}

// A stalled proxy must not hide the messages that were due meanwhile.
func TestOpenLoopCountsLateMessages(t *testing.T) {
	const second = int64(time.Second)
	p := &process{Config: Config{Rate: 100}}
	stuck := &conn{flying: true, due: 0}
	c := &client{process: p, latency: newLatency(), said: true, all: []*conn{stuck}, schedule: schedule{rate: 100, next: 1}}
	late := c.recordLate(second)
	if late != 101 {
		t.Errorf("%d messages are late after 1 s at 100 per second, want 101", late)
	}
	summary := c.latency.take()
	if summary.P50 < 0.4e6 || summary.P50 > 0.6e6 || summary.Max < 0.99e6 {
		t.Errorf("latencies %+v, want a median of 0.5 s and a maximum of 1 s", summary)
	}
	if c.latency.take() != nil {
		t.Error("latencies were not taken")
	}
}

// pair starts a server and a client that reaches it directly.
func pair(t *testing.T, config Config) (client, server *Child) {
	t.Helper()
	server, err := StartServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	config.Address = server.First.Address
	client, err = StartClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Stop)
	return client, server
}

func TestEachKindWorksDirectly(t *testing.T) {
	for _, kind := range []scenario.Kind{scenario.Echo, scenario.Connect, scenario.Stream, scenario.Duplex, scenario.Idle} {
		for _, address := range []string{"127.0.0.1:0", filepath.Join(t.TempDir(), "socket")} {
			name := string(kind) + " tcp"
			size := 64
			if kind == scenario.Stream || kind == scenario.Duplex {
				size = longest
			}
			if isPath(address) {
				if name = string(kind) + " unix"; kind == scenario.Connect {
					continue // not a scenario
				}
			}
			t.Run(name, func(t *testing.T) {
				client, server := pair(t, Config{Kind: kind, Address: address, Connections: 5, MessageSize: size, Seed: 3})
				time.Sleep(50 * time.Millisecond)
				check(t, client, server, kind)
			})
		}
	}
}

// check ends the traffic and looks at the counts.
func check(t *testing.T, client, server *Child, kind scenario.Kind) {
	t.Helper()
	sent, err1 := client.Halt()
	returned, err2 := server.Halt()
	expected := sent.Sent
	if kind != scenario.Stream && kind != scenario.Duplex {
		expected = 0
	}
	atServer, err3 := server.Drain(expected)
	atClient, err4 := client.Drain(returned.Sent)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if failures := append(atClient.Errors, atServer.Errors...); len(failures) > 0 {
		t.Errorf("errors: %s", strings.Join(failures, "; "))
	}
	if sent.Sent == 0 {
		t.Error("nothing was sent")
	}
	if expected == 0 && atClient.Received != atClient.Sent {
		t.Errorf("sent %d bytes, received %d", atClient.Sent, atClient.Received)
	}
	if kind == scenario.Idle && atClient.Messages != 5 {
		t.Errorf("%d messages on 5 idle connections", atClient.Messages)
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	const rate = 500
	client, _ := pair(t, Config{Kind: scenario.Echo, Address: "127.0.0.1:0", Connections: 8, MessageSize: 64, Rate: rate})
	first, err := client.Mark()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	last, err := client.Mark()
	if err != nil {
		t.Fatal(err)
	}
	due := rate * float64(last.Nanoseconds-first.Nanoseconds) / 1e9
	if done := float64(last.Messages + last.Late - first.Messages - first.Late); done < due-2 || done > due+2 {
		t.Errorf("%.0f messages in the time of %.1f", done, due)
	}
	if last.Latency == nil {
		t.Error("no latencies")
	}
}

func TestClientTellsRefusal(t *testing.T) {
	client, err := StartClient(Config{Kind: scenario.Echo, Address: filepath.Join(t.TempDir(), "nobody"), Connections: 2, MessageSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Stop()
	if len(client.First.Errors) != 1 || !strings.Contains(client.First.Errors[0], "connect") {
		t.Errorf("errors are %q, want one about connect", client.First.Errors)
	}
}
