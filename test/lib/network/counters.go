package network

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// OutOfOrder is the number of TCP segments that arrived in the namespace ahead of
// others before them.
func (n *Namespace) OutOfOrder(t testing.TB) (segments uint64) {
	t.Helper()
	n.Do(t, func() { segments = Counter(t, "TcpExt", "TCPOFOQueue") })
	return segments
}

// Count is one of the kernel's counters for the namespace, as Counter has it.
func (n *Namespace) Count(t testing.TB, name string) (count uint64) {
	t.Helper()
	n.Do(t, func() { count = Counter(t, "TcpExt", name) })
	return count
}

// Sysctl sets one of the namespace's own settings, by its path in /proc/sys/net.
func (n *Namespace) Sysctl(t testing.TB, path, value string) {
	t.Helper()
	n.Do(t, func() {
		// Below /proc/sys/net are the settings of the thread's namespace.
		if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// Counter is one of the kernel's counters for the namespace that the caller is in,
// by its group and name in proc_pid_net(5)'s netstat.
func Counter(t testing.TB, group, name string) uint64 {
	t.Helper()
	// Of the thread, not the process, which may be in another namespace.
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	return field(t, string(text), group+":", name)
}

// field returns a value of a file in which a line of names is followed by one of
// values, both after the same word.
func field(t testing.TB, text, group, name string) uint64 {
	t.Helper()
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case words[0] != group:
		case names == nil:
			names = words
		default:
			for i, word := range words {
				if names[i] != name {
					continue
				}
				value, err := strconv.ParseUint(word, 10, 64)
				if err != nil {
					t.Fatalf("%s %s: %v", group, name, err)
				}
				return value
			}
		}
	}
	t.Fatalf("no %s in %s", name, group)
	return 0
}
