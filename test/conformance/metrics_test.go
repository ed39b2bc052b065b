package conformance

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

var metricsCases = []Case{
	{
		Name:   "metrics/exact",
		Shows:  "--metrics= reports connections, bytes in each direction and times exactly, over TCP and UNIX sockets",
		Except: notOriginal("no --metrics="),
		Run:    metricsExact,
	},
	{
		Name:   "metrics/refused",
		Shows:  "clients that are refused are counted by reason",
		Except: notOriginal("no --metrics="),
		Run:    metricsRefused,
	},
	{
		Name:   "metrics/under-load",
		Shows:  "metrics that are read all the time never go back, hold nothing up, and are exact at the end",
		Except: notOriginal("no --metrics="),
		Run:    metricsUnderLoad,
	},
	{
		Name:   "metrics/thousand",
		Shows:  "with 1,000 connections open, the metrics say so",
		Except: notOriginal("no --metrics="),
		Alone:  true,
		Run:    metricsThousand,
	},
	{
		Name:   "metrics/workers",
		Shows:  "the metrics of 4 workers are their sums",
		Except: notOriginal("no --metrics="),
		Run:    metricsWorkers,
	},
	{
		Name:   "metrics/drain",
		Shows:  "while connections finish after SIGTERM, metrics are still served",
		Except: notOriginal("no --metrics="),
		Run:    metricsDrain,
	},
	{
		Name:   "metrics/idle-exit",
		Shows:  "metrics clients do not count as connections for --exit-idle-time=",
		Except: notOriginal("no --metrics="),
		Run:    metricsIdleExit,
	},
}

// startTold starts a proxy that serves its metrics on a socket of that kind.
func startTold(t *testing.T, p *harness.Program, tr harness.Transport, target string, args ...string) (*harness.Proxy, harness.Address) {
	t.Helper()
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: append([]string{"--metrics=" + harness.NewAddress(t, tr).Text, target}, args...),
		Env:  []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	return proxy, proxy.MetricsAddress()
}

// wantOwn compares metrics with what they must be.
func wantOwn(t *testing.T, m harness.Metrics, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if got := m.Own(t, name); got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
}

// metricsAtRest waits until no connection is open, and returns the metrics then.
func metricsAtRest(t *testing.T, a harness.Address) (m harness.Metrics) {
	t.Helper()
	harness.Until(t, "the last connection to be closed", func() bool {
		m = harness.Scrape(t, a)
		return m.Own(t, "connections") == 0
	})
	// A place is given back when all of a connection has been counted.
	return m
}

func metricsExact(t *testing.T, p *harness.Program) {
	each(t, harness.Transports, func(tr harness.Transport) string { return string(tr) }, func(t *testing.T, tr harness.Transport) {
		target := harness.Serve(t, harness.Unix, func(c *harness.Conn) { // replies twice what it gets
			all := c.ReadAll()
			c.Send(all)
			c.Send(all)
		})
		proxy, metrics := startTold(t, p, tr, target.Target())
		sizes := []int{0, 1, 1000, 64 << 10, 3 << 20}
		sum := 0
		began := time.Now()
		for i, size := range sizes {
			client := proxy.Dial(t)
			harness.Until(t, "the connection to be counted", func() bool {
				return harness.Scrape(t, metrics).Own(t, "connections") == 1
			})
			if i == 0 {
				wantOwn(t, harness.Scrape(t, metrics), map[string]float64{
					"connections_accepted_total": 1, "connection_duration_seconds_count": 0,
				})
			}
			data := harness.Random(1, uint64(i), size)
			go func() {
				client.Send(data)
				client.EndWriting()
			}()
			if got := client.ReadAll(); len(got) != 2*size {
				t.Errorf("%d bytes came back, want twice %d", len(got), size)
			}
			client.Close()
			metricsAtRest(t, metrics)
			sum += size
		}
		m := metricsAtRest(t, metrics)
		n := float64(len(sizes))
		wantOwn(t, m, map[string]float64{
			"connections": 0, "connections_max": 256, "workers": 1,
			"connections_accepted_total": n, "connections_broken_total": 0,
			`connections_refused_total{reason="limit"}`:                                       0,
			`connections_refused_total{reason="target"}`:                                      0,
			`connections_refused_total{reason="header"}`:                                      0,
			`forwarded_bytes_total{direction="to_target"}`:                                    float64(sum),
			`forwarded_bytes_total{direction="to_client"}`:                                    float64(2 * sum),
			"connect_duration_seconds_count":                                                  n,
			"connection_duration_seconds_count":                                               n,
			`connection_duration_seconds_bucket{le="+Inf"}`:                                   n,
			`connect_duration_seconds_bucket{le="+Inf"}`:                                      n,
			`connection_duration_seconds_bucket{le="86400"}`:                                  n,
			fmt.Sprintf(`engine_info{engine="%s",kernel="%s"}`, engineOf(p), kernelRelease()): 1,
		})
		connects, lives := m.Own(t, "connect_duration_seconds_sum"), m.Own(t, "connection_duration_seconds_sum")
		if connects <= 0 || lives < connects || lives > time.Since(began).Seconds() {
			t.Errorf("connecting took %v s and all %v s, of %v", connects, lives, time.Since(began))
		}
		wantAtRest(t, p, m)
	})
}

// wantAtRest looks at what must be so when nothing moves.
func wantAtRest(t *testing.T, p *harness.Program, m harness.Metrics) {
	t.Helper()
	if m["process_resident_memory_bytes"] < 1<<20 || m["process_open_fds"] < 5 || m["process_max_fds"] < m["process_open_fds"] {
		t.Errorf("the process has %v bytes and %v of %v descriptors", m["process_resident_memory_bytes"], m["process_open_fds"], m["process_max_fds"])
	}
	if age := time.Since(time.UnixMilli(int64(1000 * m["process_start_time_seconds"]))); age < 0 || age > time.Hour {
		t.Errorf("it started %v ago", age)
	}
	if engineOf(p) != "uring" {
		if _, ok := m[harness.MetricsPrefix+"ring_enters_total"]; ok {
			t.Error("the epoll engine tells of a ring")
		}
		return
	}
	if m.Own(t, "ring_enters_total") == 0 || m.Own(t, "ring_completions_total") == 0 || m.Own(t, "ring_submissions_total") == 0 {
		t.Error("the ring has done nothing")
	}
	buffers := m.Own(t, "pool_buffers")
	if available := m.Own(t, "pool_buffers_available"); buffers == 0 || available != buffers {
		t.Errorf("at rest, %v of %v buffers are available", available, buffers)
	}
	wantOwn(t, m, map[string]float64{"pool_parked_bytes": 0, "ring_dropped_total": 0})
}

func engineOf(p *harness.Program) string {
	if p.Name == harness.Epoll.Name {
		return "epoll"
	}
	return "uring"
}

func metricsRefused(t *testing.T, p *harness.Program) {
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		script, accepted := harness.Hand()
		proxy, metrics := startTold(t, p, harness.Unix, harness.Serve(t, harness.TCP4, script).Target(), "-c2")
		join(t, proxy, accepted)
		join(t, proxy, accepted)
		for range 3 {
			proxy.Dial(t).ExpectGone()
		}
		wantOwn(t, harness.Scrape(t, metrics), map[string]float64{
			"connections": 2, "connections_max": 2, "connections_accepted_total": 2,
			`connections_refused_total{reason="limit"}`: 3, "connect_duration_seconds_count": 2,
		})
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		proxy, metrics := startTold(t, p, harness.Unix, harness.Unused(t, harness.TCP4).Target(), "--connect-retry=100ms")
		proxy.Dial(t).ExpectGone()
		m := metricsAtRest(t, metrics)
		wantOwn(t, m, map[string]float64{
			"connections_accepted_total": 1, `connections_refused_total{reason="target"}`: 1,
			"connect_duration_seconds_count": 0, "connection_duration_seconds_count": 1,
		})
		if m.Own(t, "target_retries_total") == 0 {
			t.Error("no retry is counted")
		}
	})
	t.Run("header", func(t *testing.T) {
		t.Parallel()
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		proxy, metrics := startTold(t, p, harness.Unix, target.Target(), "--accept-proxy-protocol")
		client := proxy.Dial(t)
		client.SendText("no header, but long enough to tell")
		client.ExpectGone()
		wantOwn(t, metricsAtRest(t, metrics), map[string]float64{
			"connections_accepted_total": 1, `connections_refused_total{reason="header"}`: 1, "connections_broken_total": 1,
			`connections_refused_total{reason="target"}`: 0,
		})
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		target := harness.Serve(t, harness.TCP4, harness.Echo)
		proxy, metrics := startTold(t, p, harness.Unix, target.Target(), "--idle-timeout=500ms")
		if c := harness.DialUntilReset(t, proxy.Address); c != nil {
			c.ExpectGone()
		}
		wantOwn(t, metricsAtRest(t, metrics), map[string]float64{
			"connections_accepted_total": 1, "connections_timed_out_total": 1, "connections_broken_total": 1,
		})
	})
}

func metricsUnderLoad(t *testing.T, p *harness.Program) {
	const clients, size = 8, 8 << 20
	seed := harness.Seed(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.TCP4, target.Target())
	var moving sync.WaitGroup
	for i := range clients {
		moving.Go(func() {
			client := proxy.Dial(t)
			var sending sync.WaitGroup
			sending.Go(func() {
				if err := harness.NewPattern(seed, uint64(i)).SendTo(client, size, nil); err != nil {
					t.Error(err)
				}
				client.EndWriting()
			})
			if err := harness.NewPattern(seed, uint64(i)).Check(client, size); err != nil {
				t.Error(err)
			}
			sending.Wait()
			client.Close()
		})
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		moving.Wait()
	}()
	growing := []string{
		`forwarded_bytes_total{direction="to_target"}`, `forwarded_bytes_total{direction="to_client"}`,
		"connections_accepted_total", "connect_duration_seconds_count", "connection_duration_seconds_count",
	}
	last := make(harness.Metrics)
	for moving := true; moving; {
		select {
		case <-over:
			moving = false
		default:
		}
		m := harness.Scrape(t, metrics)
		for _, name := range growing {
			if m.Own(t, name) < last[harness.MetricsPrefix+name] {
				t.Errorf("%s went back to %v", name, m.Own(t, name))
			}
		}
		last = m
	}
	wantOwn(t, metricsAtRest(t, metrics), map[string]float64{
		"connections_accepted_total":                   clients,
		`forwarded_bytes_total{direction="to_target"}`: clients * size,
		`forwarded_bytes_total{direction="to_client"}`: clients * size,
		"connection_duration_seconds_count":            clients,
	})
}

func metricsThousand(t *testing.T, p *harness.Program) {
	const connections = 1000
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	proxy, metrics := startTold(t, p.Plain(), harness.Unix, target.Target(), "-c2000")
	var clients []*harness.Conn
	for range connections {
		client, _ := join(t, proxy, accepted)
		clients = append(clients, client)
	}
	m := harness.Scrape(t, metrics)
	wantOwn(t, m, map[string]float64{
		"connections": connections, "connections_accepted_total": connections, "connect_duration_seconds_count": connections,
		"connection_duration_seconds_count":            0,
		`forwarded_bytes_total{direction="to_target"}`: connections, `forwarded_bytes_total{direction="to_client"}`: connections,
	})
	if n := m["process_open_fds"]; n < 2*connections {
		t.Errorf("%v descriptors are open", n)
	}
	for _, client := range clients {
		client.Reset()
	}
	wantOwn(t, metricsAtRest(t, metrics), map[string]float64{
		"connections_broken_total": connections, "connection_duration_seconds_count": connections,
	})
}

func metricsWorkers(t *testing.T, p *harness.Program) {
	const connections = 40
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), "--workers=4")
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			client := proxy.Dial(t)
			client.SendText("hello")
			client.ExpectText("hello")
			client.Close()
		})
	}
	clients.Wait()
	wantOwn(t, metricsAtRest(t, metrics), map[string]float64{
		"workers": 4, "connections_accepted_total": connections, "connection_duration_seconds_count": connections,
		`forwarded_bytes_total{direction="to_target"}`: 5 * connections, `forwarded_bytes_total{direction="to_client"}`: 5 * connections,
	})
}

func metricsDrain(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), "--drain-timeout=infinity")
	client, far := join(t, proxy, accepted)
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitLine(`stopped listening`)
	wantOwn(t, harness.Scrape(t, metrics), map[string]float64{"connections": 1})
	client.EndWriting()
	far.ExpectEnd()
	far.Close()
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Error(status)
	}
	if _, err := os.Lstat(metrics.Text); err == nil {
		t.Error("the socket's file is left behind")
	}
}

func metricsIdleExit(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target(), "--exit-idle-time=200ms")
	asking := harness.Dial(t, metrics) // says nothing
	echoOnce(t, proxy)
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Error(status)
	}
	if _, err := io.Copy(io.Discard, asking); err != nil {
		t.Logf("who asked for metrics got %v", err)
	}
}
