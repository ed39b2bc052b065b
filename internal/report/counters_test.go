package report

import (
	"testing"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

func TestStatus(t *testing.T) {
	r := New(nil, &forward.Policy{Limits: forward.Limits{Connections: 4}})
	for _, test := range []struct {
		accepted, refused, toTarget, toClient uint64
		want                                  string
	}{
		{1, 0, 0, 0, "1 connection now, 1 since the start; 0 B to the target, 0 B to clients"},
		{7, 2, 1023, 1 << 20, "1 connection now, 7 since the start; 1023 B to the target, 1.0 MiB to clients; 2 refused at the limit of 4"},
		{0, 0, 1<<20 - 1, 1<<64 - 1, "1 connection now, 0 since the start; 1.0 MiB to the target, 16.0 EiB to clients"},
	} {
		var counts statistics.Counts
		counts.Of[statistics.Accepted], counts.Of[statistics.Refused] = test.accepted, test.refused
		counts.Of[statistics.BytesToTarget], counts.Of[statistics.BytesToClient] = test.toTarget, test.toClient
		if got := r.Status(1, counts); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
