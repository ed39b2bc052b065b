package clients

import (
	"encoding/json"
	"os/exec"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// iperfReport is the part of iperf3's JSON that matters here.
type iperfReport struct {
	Error string
	End   struct {
		SumSent     struct{ Bytes int64 } `json:"sum_sent"`
		SumReceived struct{ Bytes int64 } `json:"sum_received"`
	}
}

// TestIperf3 measures through the proxy in both directions. iperf3 makes two
// connections, one to control the other, and is strict about how they end.
func TestIperf3(t *testing.T) {
	iperf := need(t, "iperf3")
	forEach(t, func(t *testing.T, p *harness.Program) {
		for name, args := range map[string][]string{"to the server": nil, "from the server": {"-R"}, "4 streams": {"-P4"}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				measure(t, p, iperf, args)
			})
		}
	})
}

func measure(t *testing.T, p *harness.Program, iperf string, args []string) {
	// iperf3 cannot pick a port. Ours is free the moment before.
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	l.Close()
	background(t, exec.Command(iperf, "-s", "-B", "127.0.0.1", "-p", l.Port()))
	harness.Until(t, "iperf3 to listen", func() bool { return listens(t, l.Port()) })
	proxy := harness.StartProxy(t, p, harness.TCP4, l.Target())
	out := run(t, iperf, append([]string{"-c", "127.0.0.1", "-p", proxy.Address.Port(), "-J", "-t", "1"}, args...)...)
	var report iperfReport
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if report.Error != "" {
		t.Error(report.Error)
	}
	if report.End.SumSent.Bytes == 0 || report.End.SumReceived.Bytes == 0 {
		t.Errorf("%d bytes sent, %d received", report.End.SumSent.Bytes, report.End.SumReceived.Bytes)
	}
	t.Logf("%d MiB received", report.End.SumReceived.Bytes>>20)
}
