package clients

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// listens reports whether a socket listens on an IPv4 port, without connecting:
// iperf3 takes every connection for a client's.
func listens(t *testing.T, port string) bool {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	const stateListen = "0A"
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) && fields[3] == stateListen {
			return true
		}
	}
	return false
}
