package conformance

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var metricsServerCases = []Case{
	{
		Name:   "metrics/pages",
		Shows:  "/ says where the metrics are, and there is nothing else",
		Except: notOriginal("no --metrics="),
		Run:    metricsPages,
	},
	{
		Name:   "metrics/slow",
		Shows:  "metrics clients that read nothing, or never finish their request, hold up no connection, and hold up the next metrics client for a few seconds at most",
		Except: notOriginal("no --metrics="),
		Run:    metricsSlow,
	},
	{
		Name:   "metrics/malformed",
		Shows:  "anything that is not a request is refused, and nothing of it gets into the log",
		Except: notOriginal("no --metrics="),
		Run:    metricsMalformed,
	},
	{
		Name:   "metrics/socket",
		Shows:  "the socket file of --metrics= replaces a stale one, and is removed at exit",
		Except: notOriginal("no --metrics="),
		Run:    metricsSocket,
	},
	{
		Name:   "metrics/bad-values",
		Shows:  "an impossible address for metrics is refused at start, with the reason",
		Except: notOriginal("no --metrics="),
		Run:    metricsBadValues,
	},
}

func metricsPages(t *testing.T, p *harness.Program) {
	_, metrics := startTold(t, p, harness.TCP4, "127.0.0.1:9")
	if status, body := harness.Get(t, metrics, "/"); status != http.StatusOK || !strings.Contains(body, "/metrics") {
		t.Errorf("/ is answered with status %d: %s", status, body)
	}
	for _, path := range []string{"/metrics/", "/favicon.ico", "/debug/pprof/", "/debug/vars"} {
		if status, body := harness.Get(t, metrics, path); status != http.StatusNotFound {
			t.Errorf("%s is answered with status %d: %s", path, status, body)
		}
	}
}

// metricsSlow has more of them than are served at a time.
func metricsSlow(t *testing.T, p *harness.Program) {
	const slow = 24
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.TCP4, target.Target())
	for i := range slow {
		c := harness.DialWith(t, metrics, harness.SocketOptions{ReceiveBuffer: 2048})
		switch i % 3 {
		case 0: // says nothing
		case 1:
			c.SendText("GET /metrics HTTP/1.1\r\nHost: x\r\n") // and no end
		case 2:
			c.SendText("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") // reads nothing
		}
	}
	echoOnce(t, proxy)
	m := harness.Scrape(t, metrics)
	wantOwn(t, m, map[string]float64{"connections_accepted_total": 1})
	echoOnce(t, proxy)
}

func metricsMalformed(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy, metrics := startTold(t, p, harness.Unix, target.Target())
	for request, status := range map[string]string{
		"nonsense-of-a-client\r\n\r\n":                                             "400",
		"GET /metrics\r\n\r\n":                                                     "400",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n":                     "400",
		"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n":                                 "505",
		"GET /metrics HTTP/1.1\r\n\r\n":                                            "400", // no host
		"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx": "405",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nnonsense-of-a-client: " + strings.Repeat("x", 16<<10) + "\r\n\r\n": "431",
		"GET /" + strings.Repeat("nonsense-of-a-client", 1000) + " HTTP/1.1\r\nHost: x\r\n\r\n":                 "431",
		"GET /nonsense-of-a-client%0a%1b[31m HTTP/1.1\r\nHost: x\r\n\r\n":                                       "404",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                      "",
		"":                                                                                                      "",
	} {
		c := harness.Dial(t, metrics)
		_, _ = io.WriteString(c, request) // it may be refused before it is complete
		c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		answer, _ := io.ReadAll(c)
		if want := "HTTP/1.1 " + status; status != "" && !strings.HasPrefix(string(answer), want) {
			t.Errorf("%.60q is answered with %.60q, want %q", request, answer, want)
		}
		if strings.Contains(string(answer), "build_info") {
			t.Errorf("%.60q is told the metrics", request)
		}
	}
	echoOnce(t, proxy)
	wantOwn(t, metricsAtRest(t, metrics), map[string]float64{"connections_accepted_total": 1})
	for _, line := range proxy.Lines() {
		if strings.Contains(line, "nonsense-of-a-client") || strings.ContainsAny(line, "\x1b\x16") {
			t.Errorf("the log has %q", line)
		}
	}
}

func metricsSocket(t *testing.T, p *harness.Program) {
	stale := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	stale.Close() // its file stays
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--metrics=" + stale.Text, "127.0.0.1:9"}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	harness.Scrape(t, proxy.MetricsAddress())
	second := harness.Start(t, p, harness.Options{
		Args: []string{"--listen=127.0.0.1:0", "--metrics=" + stale.Text, "127.0.0.1:9"}, MayFail: true,
	})
	wantRefusal(t, second, "--metrics", stale.Text, "another process listens")
	harness.Scrape(t, proxy.MetricsAddress())
	proxy.Signal(15)
	if status := proxy.AwaitExit(); status != "exit status 0" {
		t.Error(status)
	}
	if _, err := os.Lstat(stale.Text); err == nil {
		t.Error("the socket's file is left behind")
	}
}

func metricsBadValues(t *testing.T, p *harness.Program) {
	taken := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	file := harness.NewAddress(t, harness.Unix).Text
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listen := harness.NewAddress(t, harness.Unix).Text
	for value, reason := range map[string]string{
		"":                "empty",
		"example.org:80":  "not an IP address",
		"vsock:2:9100":    "VSOCK is not supported here",
		"127.0.0.1":       "the port is missing",
		"127.0.0.1:70000": "not a port",
		taken.Text:        "address already in use",
		file:              "regular file",
		"/nowhere/at/all": "create the directory",
	} {
		process := harness.Start(t, p, harness.Options{
			Args: []string{"--listen=" + listen, "--metrics=" + value, "127.0.0.1:9"}, MayFail: true,
		})
		wantRefusal(t, process, fmt.Sprintf("--metrics=%q", value), reason)
		if _, err := os.Lstat(listen); err == nil {
			t.Errorf("--metrics=%q: the file of --listen= is left behind", value)
		}
	}
}
