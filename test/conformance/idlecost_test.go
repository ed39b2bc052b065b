package conformance

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var idleCostCases = []Case{
	{
		Name:  "idle-cost",
		Shows: "1,000 idle connections that have carried a message cost the program less than 8 KiB each",
		Alone: true,
		Run:   idleCost,
	},
}

// idleCost opens connections, sends a message each way on each, and looks at what
// the proxy holds when all are silent again.
func idleCost(t *testing.T, p *harness.Program) {
	const connections, most = 1000, 8 << 10
	p = p.Plain()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), fmt.Sprintf("--connections-max=%d", connections+1))
	exchange := func() {
		client, far := join(t, proxy, accepted)
		client.SendText("ping")
		far.ExpectText("ping")
		far.SendText("pong")
		client.ExpectText("pong")
	}
	exchange() // whatever is set up once is set up now
	descriptors, resident, slab := proxy.Descriptors(), proxy.ResidentBytes(), slabBytes(t)
	for range connections {
		exchange()
	}
	each := float64(proxy.ResidentBytes()-resident) / connections
	if p.IsOurs() && each > most {
		t.Errorf("an idle connection costs the program %.0f bytes, more than %d", each, most)
	}
	idleCosts.record(p, figure{
		descriptors: float64(proxy.Descriptors()-descriptors) / connections,
		resident:    each,
		kernel:      float64(slabBytes(t)-slab) / connections,
	})
}

// slabBytes is what the kernel holds in objects: sockets, files, pipes, those of
// the proxy's peers included, which are the same for each program.
func slabBytes(t *testing.T) int64 {
	t.Helper()
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kib int64
		if _, err := fmt.Sscanf(lines.Text(), "Slab: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatal("/proc/meminfo has no Slab")
	return 0
}

// figure is what an idle connection costs.
type figure struct{ descriptors, resident, kernel float64 }

// figureTable holds the figures of each program, for the parity table. The case
// that fills it runs alone.
type figureTable map[string]figure

var idleCosts = make(figureTable)

func (f figureTable) record(p *harness.Program, costs figure) { f[p.Name] = costs }

// markdown is the table of figures.
func (f figureTable) markdown() string {
	var table strings.Builder
	table.WriteString("| program | descriptors | KiB in the program | KiB of the kernel, both peers included |\n| --- | --- | --- | --- |\n")
	for _, p := range harness.Programs {
		if costs, ok := f[p.Name]; ok {
			fmt.Fprintf(&table, "| %s | %.0f | %.1f | %.1f |\n", head(p), costs.descriptors, costs.resident/1024, costs.kernel/1024)
		}
	}
	return table.String()
}
