package report

import (
	"math"
	"math/rand/v2"
	"time"

	"uring-socket-proxyd/bench/result"
)

// inventor makes up runs for tests: seeded, plausible, and measured nowhere.
type inventor struct{ random *rand.Rand }

func (v inventor) noise(spread float64) float64 { return math.Exp(spread * v.random.NormFloat64()) }

var inventedPeers = []struct {
	name  string
	speed float64 // relative to direct
}{
	{"direct", 1}, {"original", 0.14}, {"socat", 0.17}, {"haproxy", 0.45}, {"nginx", 0.43},
	{"gocopy", 0.32}, {"uring", 0.52}, {"epoll", 0.44},
}

var inventedScenarios = []struct {
	name, description, unit, cpuUnit string
	connections, message             int
	rate                             float64 // direct's
}{
	{"echo-1", "One connection sends 64 bytes and waits for them to come back.", "req/s", "s/Mreq", 1, 64, 17e3},
	{"echo-8", "Eight connections, each with one request of 64 bytes under way.", "req/s", "s/Mreq", 8, 64, 120e3},
	{"echo-64", "64 connections, each with one request of 64 bytes under way.", "req/s", "s/Mreq", 64, 64, 215e3},
	{"echo-1000", "1000 connections, each with one request of 1 KiB under way.", "req/s", "s/Mreq", 1000, 1024, 160e3},
	{"connect-8", "Eight clients connect, ask once and close, again and again.", "conn/s", "s/kconn", 8, 64, 14.2e3},
	{"stream-1", "One connection sends 64 KiB writes, one way.", "B/s", "s/GB", 1, 65536, 5.7e9},
	{"stream-16", "16 connections send 64 KiB writes, one way.", "B/s", "s/GB", 16, 65536, 6.2e9},
	{"stream-64", "64 connections send 64 KiB writes, one way.", "B/s", "s/GB", 64, 65536, 6.0e9},
	{"duplex-8", "Eight connections send 64 KiB writes both ways at once.", "B/s", "s/GB", 8, 65536, 7.9e9},
	{"idle-3000", "3000 connections are open and silent.", "", "", 3000, 0, 0},
	{"activate", "A client connects to a socket-activated listener and waits for the first byte.", "", "", 1, 64, 0},
	{"unix-64", "As echo-64, over UNIX sockets.", "req/s", "s/Mreq", 64, 64, 260e3},
	{"unix-stream-8", "Eight UNIX connections send 64 KiB writes, one way.", "B/s", "s/GB", 8, 65536, 7.1e9},
}

// fabricated is a whole made-up run, with one invalid row, one that was skipped, one flag, one missing
// peer and text that must be escaped.
func fabricated(seed uint64, rounds int) *result.Run {
	v := inventor{rand.New(rand.NewPCG(seed, 99))}
	run := &result.Run{
		Version: result.Version, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 512.25,
		Command: []string{"bin/proxy-bench", "--rounds=5", "--out=made up <by a test>"}, Seed: seed,
		Machine: result.Machine{Kernel: "Linux 6.18.0-made-up", CPU: "Made-up Processor 9000 @ 3.0 GHz", Cores: 2, Memory: 8 << 30, Go: "go1.26.0"},
	}
	for _, peer := range inventedPeers {
		run.Peers = append(run.Peers, result.Peer{
			Name: peer.name, Version: "version 1.0 of " + peer.name + " <made up> & more",
			Command: []string{"/usr/bin/" + peer.name, "--listen=127.0.0.1:7000", "a b", "--long-option-that-wraps-on-a-phone=/run/somewhere/far/away/in/the/tree"},
			Config:  "# configuration of " + peer.name + "\nlisten 7000;\nvalue = \"<script>alert(1)</script>\"\n```\nfence\n```\n",
		})
	}
	run.Peers[0].Command, run.Peers[0].Config = nil, ""
	run.Peers = append(run.Peers, result.Peer{Name: "rinetd", Missing: "no program rinetd in $PATH; apt-get install rinetd"})
	for _, s := range inventedScenarios {
		table := result.Table{
			Name: s.name, Description: s.description, Connections: s.connections, MessageSize: s.message, Loop: "closed", Seconds: 2,
		}
		for _, peer := range inventedPeers {
			table.Rows = append(table.Rows, v.row(s.name, s.unit, s.cpuUnit, peer.name, s.rate*speed(s.name, peer.speed), s.connections, rounds))
		}
		run.Scenarios = append(run.Scenarios, table)
	}
	spoil(run)
	return run
}

// spoil makes one row invalid, skips one and flags one scenario.
func spoil(run *result.Run) {
	run.Scenarios[10].Rows[2] = result.Row{Peer: "socat", Skipped: "socat takes no listening socket from systemd"}
	run.Scenarios[3].Rows[2].Invalid = "socat: 3 of 1,000 connections were refused | \"connection reset by peer\""
	run.Scenarios[3].Rows[2].Rounds = run.Scenarios[3].Rows[2].Rounds[:1]
	run.Scenarios[4].Flags = []string{"direct is not faster than nginx: the load generator may be the bottleneck"}
}

// fullRun has besides a scenario in an open loop, and a program of ours that is missing.
func fullRun() *result.Run {
	run := fabricated(1, 5)
	run.Scenarios = append(run.Scenarios, opened(run))
	run.Peers = append(run.Peers, result.Peer{Name: "uring-busy", Missing: "not built"})
	return run
}

// opened is the run's echo-64 again, in an open loop.
func opened(run *result.Run) result.Table {
	table := run.Scenarios[2]
	table.Loop, table.Rate = "open", 20000
	return table
}

// speed makes single connections and connects less different from each other.
func speed(scenario string, relative float64) float64 {
	switch scenario {
	case "echo-1":
		return 0.7 + 0.3*relative
	case "connect-8":
		return 0.3 + 0.7*math.Sqrt(relative)
	}
	return relative
}

func (v inventor) row(scenario, unit, cpuUnit, peer string, rate float64, connections, rounds int) result.Row {
	row := result.Row{Peer: peer}
	for range rounds {
		switch scenario {
		case "idle-3000":
			row.Rounds = append(row.Rounds, v.idle(peer))
		case "activate":
			t := 0.0045 * v.noise(0.05)
			row.Rounds = append(row.Rounds, result.Round{ActivateSeconds: &t})
		default:
			row.Rounds = append(row.Rounds, v.round(unit, cpuUnit, peer, rate*v.noise(0.03), connections))
		}
	}
	return row
}

func (v inventor) idle(peer string) result.Round {
	bytes, descriptors, wakeups := 27.7*1024*v.noise(0.01), 6.0, 0.0
	if peer == "uring" || peer == "epoll" {
		bytes, descriptors, wakeups = 13.2*1024*v.noise(0.01), 2, 0.2*v.noise(0.1)
	}
	return result.Round{IdleBytes: &bytes, IdleDescriptors: &descriptors, IdleWakeups: &wakeups}
}

func (v inventor) round(unit, cpuUnit, peer string, rate float64, connections int) result.Round {
	r := result.Round{Rate: &rate, Unit: unit}
	if unit != "B/s" {
		p50 := 1e6 * float64(connections) / rate
		r.Latency = v.latency(p50, 1.3+3*v.random.Float64())
	}
	if peer == "direct" {
		return r
	}
	work := map[string]float64{"req/s": 0.9e6, "conn/s": 0.9e3, "B/s": 0.9e9}[unit] / rate
	cpu, rss, descriptors, calls := work*v.noise(0.02), int64(6e6*v.noise(0.05)), 2*connections+11, 2.1*v.noise(0.01)
	r.CPU, r.CPUUnit, r.PeakRSS, r.Descriptors = &cpu, cpuUnit, &rss, &descriptors
	if unit == "req/s" {
		r.Syscalls = &calls
	}
	return r
}

// latency makes a curve that rises ever faster towards the tail.
func (v inventor) latency(p50, steep float64) *result.Latency {
	at := func(q float64) float64 {
		tail := -math.Log10(1 - q)
		return p50 * math.Exp((tail-0.301)*(tail-0.301)*0.12*steep) * v.noise(0.01)
	}
	l := &result.Latency{P50: p50, P90: at(0.9), P99: at(0.99), P999: at(0.999)}
	for tail := 0.1; tail <= 3.6; tail += 0.1 {
		q := 1 - math.Pow(10, -tail)
		l.Curve = append(l.Curve, result.Point{Quantile: q, Micros: at(q)})
	}
	l.Max = l.Curve[len(l.Curve)-1].Micros * 1.4
	return l
}
