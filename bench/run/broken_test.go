package run

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"uring-socket-proxyd/bench/load"
	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/scenario"
)

// TestMain makes the test's program the load processes and the broken proxy too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == load.Subcommand {
		if err := load.Main(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if mode := os.Getenv(brokenMode); mode != "" {
		err := broken{mode: mode}.serve(os.Args[1], os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// brokenMode is the variable that selects what a broken proxy does wrong.
const brokenMode = "BROKEN_PROXY"

// broken is a proxy with a fault.
type broken struct {
	mode  string
	calls *atomic.Int64 // of the mode's kind: messages or connections
}

// each reports whether it is time for the fault, once in n.
func (b *broken) each(n int64) bool { return b.calls.Add(1)%n == 0 }

func (b broken) serve(address, target string) error {
	b.calls = new(atomic.Int64)
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		if b.mode == "refuse" && b.each(10) {
			_ = client.Close()
			continue
		}
		go b.forward(client, target)
	}
}

func (b *broken) forward(client net.Conn, address string) {
	defer client.Close()
	target, err := net.Dial("tcp4", address)
	if err != nil {
		return
	}
	defer target.Close()
	go func() {
		_, _ = io.Copy(client, target)
		_ = client.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := target.Write(b.spoil(buffer[:n])); err != nil {
			return
		}
	}
}

// spoil is what a fault makes of a message, once in twenty.
func (b *broken) spoil(message []byte) []byte {
	switch {
	case b.mode == "drop" && b.each(20):
		return message[:len(message)-1]
	case b.mode == "corrupt" && b.each(20):
		message[len(message)/2] ^= 0x10
	case b.mode == "swap" && b.each(20) && len(message) > 1:
		message[0], message[1] = message[1], message[0]
	}
	return message
}

// measured is the row of a proxy with a fault.
func measured(t *testing.T, mode string, s scenario.Scenario) (invalid string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	found, err := Run(t.Context(), Options{Scenarios: []scenario.Scenario{s}, Rounds: 1, Seconds: 0.1, Seed: 1,
		Peers: []peer.Peer{peer.Program(mode, program, brokenMode+"="+mode)}})
	if err != nil {
		t.Fatal(err)
	}
	return found.Scenarios[0].Rows[0].Invalid
}

func TestBrokenProxiesAreInvalid(t *testing.T) {
	echo := scenario.Scenario{Name: "echo", Kind: scenario.Echo, Connections: 4, MessageSize: 64}
	for _, test := range []struct {
		mode string
		kind scenario.Kind
		want string // in the reason
	}{
		{"none", scenario.Echo, ""},
		{"none", scenario.Stream, ""},
		{"none", scenario.Duplex, ""},
		{"none", scenario.Connect, ""},
		{"drop", scenario.Echo, "no complete reply"},
		{"drop", scenario.Stream, "wrong bytes"},
		{"corrupt", scenario.Echo, "wrong bytes"},
		{"corrupt", scenario.Stream, "wrong bytes"},
		{"swap", scenario.Duplex, "wrong bytes"},
		{"refuse", scenario.Connect, "client: "},
		{"refuse", scenario.Idle, "client: "},
	} {
		t.Run(test.mode+" "+string(test.kind), func(t *testing.T) {
			t.Parallel() // most wait
			s := echo
			if s.Kind = test.kind; s.Streams() {
				s.MessageSize = 64 << 10
			}
			if s.Kind == scenario.Idle {
				s.Connections = 20
			}
			switch invalid := measured(t, test.mode, s); {
			case test.want == "" && invalid != "":
				t.Errorf("a proxy without fault is invalid: %s", invalid)
			case test.want != "" && !strings.Contains(invalid, test.want):
				t.Errorf("invalid: %q, want something with %q", invalid, test.want)
			}
		})
	}
}
