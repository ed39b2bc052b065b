package conformance

import (
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var drainCases = []Case{
	{
		Name:   "drain/finishes",
		Shows:  "with --drain-timeout=, connections that are open at SIGTERM run to their end, and the program ends with the last",
		Except: notOriginal("no --drain-timeout="),
		Run:    drainFinishes,
	},
	{
		Name:   "drain/timeout",
		Shows:  "connections that are still open when the drain timeout is over are reset",
		Except: notOriginal("no --drain-timeout="),
		Run:    drainTimesOut,
	},
	{
		Name:   "drain/second-signal",
		Shows:  "a second SIGTERM ends the drain at once",
		Except: notOriginal("no --drain-timeout="),
		Run:    drainEndsOnSecondSignal,
	},
	{
		Name:   "drain/nobody",
		Shows:  "with no connections, the program ends at once, however long the drain timeout is",
		Except: notOriginal("no --drain-timeout="),
		Run:    drainNobody,
	},
}

// startDraining joins two connections through a proxy, tells it to end, and returns
// once it takes no more clients.
func startDraining(t *testing.T, p *harness.Program, timeout string, args ...string) (proxy *harness.Proxy, clients, fars [2]*harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy = harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: append(args, "--drain-timeout="+timeout, target.Target()), Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	for i := range clients {
		clients[i], fars[i] = join(t, proxy, accepted)
	}
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitLine(`letting connections finish.*connections=2 drain-timeout=`)
	proxy.AwaitLine(`stopped listening`)
	refusesNow(t, proxy.Address)
	return proxy, clients, fars
}

func drainFinishes(t *testing.T, p *harness.Program) {
	for _, workers := range []string{"--workers=1", "--workers=3"} {
		proxy, clients, fars := startDraining(t, p, "infinity", workers)
		data := harness.Random(harness.Seed(t), 0, 1<<20)
		for i := range clients {
			clients[i].SendText("a request")
			fars[i].ExpectText("a request")
			clients[i].EndWriting()
			fars[i].ExpectEnd()
			go func() {
				fars[i].Send(data)
				fars[i].EndWriting()
			}()
			clients[i].Expect(data)
			clients[i].ExpectEnd()
			if i == 0 && !proxy.Running() {
				t.Fatal("it ended before the second connection did")
			}
		}
		wantExit(t, p, proxy.Process, "")
	}
}

func drainTimesOut(t *testing.T, p *harness.Program) {
	proxy, clients, fars := startDraining(t, p, "500ms")
	proxy.AwaitLine(`drain timeout has expired.*connections=2`)
	wantExit(t, p, proxy.Process, "")
	for i := range clients {
		clients[i].ExpectReset()
		fars[i].ExpectReset()
	}
}

func drainEndsOnSecondSignal(t *testing.T, p *harness.Program) {
	proxy, clients, fars := startDraining(t, p, "1h")
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitLine(`second signal.*connections=2`)
	wantExit(t, p, proxy.Process, "")
	for i := range clients {
		clients[i].ExpectReset()
		fars[i].ExpectReset()
	}
}

func drainNobody(t *testing.T, p *harness.Program) {
	notify := harness.NewNotify(t)
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{
		Args: []string{"--drain-timeout=90", target.Target()}, Env: []string{notify.Environment()},
	})
	echoOnce(t, proxy)
	proxy.Signal(syscall.SIGTERM)
	notify.Await(t, "STOPPING=1")
	notify.Await(t, "EXTEND_TIMEOUT_USEC=100000000")
	wantExit(t, p, proxy.Process, "")
}
