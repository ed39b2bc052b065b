package conformance

import (
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var busyPollCases = []Case{
	{
		Name:   "busy-poll",
		Shows:  "--busy-poll= carries bytes, gives up when nothing comes, and lets an idle program sleep",
		Except: notOriginal("no such option"),
		Alone:  true,
		Run:    busyPoll,
	},
}

func busyPoll(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--busy-poll=10ms")
	client := proxy.Dial(t)
	for range 3 {
		for range 200 {
			client.SendText("ping")
			client.ExpectText("ping")
		}
		harness.Settled(t, "the program's use of the processor", proxy.CPUTicks, idleTime)
	}
	client.EndWriting()
	client.ExpectEnd()
}
