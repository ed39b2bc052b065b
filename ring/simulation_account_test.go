package ring

import (
	"context"
	"log/slog"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/statistics"
)

// ledger is a log that keeps what is said of each connection at its end.
type ledger struct {
	slog.Handler
	outcomes           map[string]int
	of                 map[string]string // by client
	toTarget, toClient uint64
}

func newLedger() *ledger {
	return &ledger{Handler: slog.DiscardHandler, outcomes: make(map[string]int), of: make(map[string]string)}
}

func (l *ledger) Enabled(context.Context, slog.Level) bool { return true }

func (l *ledger) Handle(_ context.Context, record slog.Record) error {
	if record.Message != "connection closed" {
		return nil
	}
	client, outcome := "", ""
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "client", "via": // which comes second
			client = a.Value.String()
		case "outcome":
			outcome = a.Value.String()
			l.outcomes[outcome]++
		case "bytes-to-target":
			l.toTarget += a.Value.Uint64()
		case "bytes-to-client":
			l.toClient += a.Value.Uint64()
		}
		return true
	})
	l.of[client] = outcome
	return nil
}

// checkAccounts looks for connections that have ended without a line, or without a
// reason, and for bytes that nobody has moved.
func (s *simulation) checkAccounts() {
	ledger, counters := s.worker.Log.Handler().(*ledger), &s.worker.Counts
	lines := 0
	for _, n := range ledger.outcomes {
		lines += n
	}
	if accepted := s.worker.Crew.Counters().Of[statistics.Accepted]; uint64(lines) != accepted || ledger.outcomes[report.Outcome(0).String()] > 0 {
		s.t.Errorf("of %d connections, the log has these outcomes: %v", accepted, ledger.outcomes)
	}
	if n := ledger.outcomes[report.TargetUnreachable.String()]; uint64(n) != counters.Failed.Load() {
		s.t.Errorf("%d connections failed, %d in the log: %v", counters.Failed.Load(), n, ledger.outcomes)
	}
	if ledger.toTarget != counters.BytesToTarget.Load() || ledger.toClient != counters.BytesToClient.Load() {
		s.t.Errorf("the log has %d and %d bytes, the counters %d and %d", ledger.toTarget, ledger.toClient,
			counters.BytesToTarget.Load(), counters.BytesToClient.Load())
	}
}
