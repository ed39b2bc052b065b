package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

// Clients that leave while their target does not answer. See retryClientLeaves for a target
// that is not there.
var leavingCases = []Case{
	{
		Name:   "waiting/client-leaves",
		Shows:  "a client that closes, having sent nothing, while its target does not answer the connect is given up, with --connect-retry= too; one that has sent a request is not",
		Except: notOriginal("it waits for the target"),
		Run: func(t *testing.T, p *harness.Program) {
			var rows []leaving
			for _, by := range []pair{{harness.TCP4, harness.TCP4}, {harness.Unix, harness.TCP4}, {harness.TCP4, harness.Unix}, {harness.Unix, harness.Unix}} {
				rows = append(rows, leaving{by, "--connect-retry=0"}, leaving{by, "--connect-retry=1h"})
			}
			each(t, rows, leaving.String, func(t *testing.T, row leaving) { clientsLeave(t, p, row) })
		},
	},
}

// leaving is how clients reach a target that does not answer.
type leaving struct {
	by     pair
	option string
}

func (l leaving) String() string { return l.by.String() + ", " + l.option[2:] }

// clientsLeave has a client leave before the program looks who still waits, and one after.
func clientsLeave(t *testing.T, p *harness.Program, row leaving) {
	const looked = 2500 * time.Millisecond
	proxy := harness.StartProxyWith(t, p, row.by.from, harness.Options{
		Args: []string{"--log-connections", row.option, deafTarget(t, row.by.to).Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	proxy.AwaitLine("^forwarding: ")
	before := proxy.Descriptors()
	waits := func(clients int) {
		t.Helper()
		harness.Until(t, fmt.Sprintf("%d clients to wait", clients), func() bool { return proxy.Descriptors() == before+2*clients })
	}
	gaveUp := func(clients int) {
		t.Helper()
		harness.Until(t, fmt.Sprintf("%d clients to be given up", clients), func() bool {
			return strings.Count(proxy.Stderr(), " outcome=client-left") == clients
		})
	}
	asks := proxy.Dial(t)
	asks.SendText("a request")
	waits(1)
	asks.Close()
	late, soon := proxy.Dial(t), proxy.Dial(t)
	waits(3)
	began := time.Now()
	soon.Close()
	gaveUp(1)
	<-time.After(time.Until(began.Add(looked))) // that is the case
	late.Close()
	gaveUp(2)
	waits(1)
	for _, line := range proxy.Lines() {
		if strings.HasPrefix(line, "cannot reach the target") {
			t.Errorf("it wrote %q", line)
		}
	}
}
