package kernels

import (
	"fmt"
	"regexp"
	"strings"
)

// alarming matches the first line of what a kernel says when something is wrong with
// it.
var alarming = regexp.MustCompile(`(?m)^\[[ .0-9]+\] .*(` + strings.Join([]string{
	`WARNING: `, `BUG: `, `\bOops\b`, `Kernel panic`, `general protection fault`, `kernel BUG at`, `invalid opcode`,
	`INFO: task .* blocked`, `refcount_t: `, `UBSAN: `, `list_(add|del) corruption`, `Out of memory`, `segfault at`,
	`sysrq: Show`, // asked for where a suite hangs
}, "|") + `)`)

// Bits of the kernel's taint that show a fault.
var taints = map[uint]string{
	4: "a machine check", 5: "a bad page", 7: "an oops", 9: "a warning", 14: "a soft lockup",
}

// before and around are how many lines of the console are shown until an alarm and
// from it on.
const before, around = 15, 60

// alarms returns what the kernel has complained about, in its own words.
func (g *guest) alarms() []string {
	var all []string
	for bit, what := range taints {
		if g.taint&(1<<bit) != 0 {
			all = append(all, fmt.Sprintf("the kernel is tainted by %s", what))
		}
	}
	if at := alarming.FindStringIndex(g.console); at != nil {
		all = append(all, "the kernel wrote:\n"+lastLines(g.console[:at[0]], before)+"\n"+firstLines(g.console[at[0]:], around))
	}
	if !g.done {
		text := "the guest ended before it was done"
		if len(all) == 0 {
			text += "; its console ends with:\n" + lastLines(g.console, around)
		}
		all = append(all, text)
	}
	return all
}

func firstLines(text string, n int) string {
	lines := strings.SplitN(text, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
