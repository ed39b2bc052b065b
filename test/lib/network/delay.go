package network

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// Delay delays what leaves at this end, and lets the given share of packets pass
// without, so that they overtake the others. It skips the test where the kernel has
// no netem.
func (e *End) Delay(t testing.TB, delay time.Duration, overtakingPercent float32) {
	t.Helper()
	err := e.route.QdiscAdd(netlink.NewNetem(
		netlink.QdiscAttrs{LinkIndex: e.link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		netlink.NetemQdiscAttrs{Latency: uint32(delay.Microseconds()), ReorderProb: overtakingPercent, Limit: 10_000},
	))
	if err != nil {
		t.Skipf("this kernel cannot delay packets (module sch_netem): %v", err)
	}
}

// Delayed is the number of packets that went through Delay.
func (e *End) Delayed(t testing.TB) uint64 {
	t.Helper()
	all, err := e.route.QdiscList(e.link)
	if err != nil {
		t.Fatalf("namespace %s, queueing disciplines: %v", e.Name, err)
	}
	for _, q := range all {
		if q.Type() == "netem" {
			return uint64(q.Attrs().Statistics.Basic.Packets)
		}
	}
	t.Fatalf("namespace %s: the queueing discipline that delays packets is gone", e.Name)
	return 0
}
