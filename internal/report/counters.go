package report

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"uring-socket-proxyd/internal/logging"
	"uring-socket-proxyd/internal/statistics"
)

// Counters logs what an engine with so many connections has done so far, all of it, because
// somebody has asked.
func (r *Reports) Counters(connections int, c statistics.Counts) {
	attributes := append([]slog.Attr{slog.Int("connections", connections)}, counters(c)...)
	r.log.LogAttrs(context.Background(), logging.LevelNotice, "counters", attributes...)
}

// End logs what an engine has done, when it ends.
func (r *Reports) End(c statistics.Counts) {
	for kind := range troubles {
		r.reportLeftOut(kind)
	}
	attributes := counters(c)
	// Those that are always told come first; others only if there is something to tell.
	told := slices.DeleteFunc(attributes[statistics.BytesToClient+1:], func(a slog.Attr) bool { return a.Value.Uint64() == 0 })
	r.log.LogAttrs(context.Background(), slog.LevelDebug, "ended", attributes[:int(statistics.BytesToClient)+1+len(told)]...)
}

// counters are all of them, for the log.
func counters(c statistics.Counts) []slog.Attr {
	attributes := make([]slog.Attr, len(c.Of))
	for i, n := range c.Of {
		attributes[i] = slog.Uint64(statistics.Totals[i].Key, n)
	}
	return attributes
}

// Status is how an engine is doing, with so many connections now, in one line for a human.
func (r *Reports) Status(now int, c statistics.Counts) string {
	connections := "connections"
	if now == 1 {
		connections = "connection"
	}
	status := fmt.Sprintf("%d %s now, %d since the start; %s to the target, %s to clients",
		now, connections, c.Of[statistics.Accepted], humanBytes(c.Of[statistics.BytesToTarget]), humanBytes(c.Of[statistics.BytesToClient]))
	if refused := c.Of[statistics.Refused]; refused > 0 {
		status += fmt.Sprintf("; %d refused at the limit of %d", refused, r.policy.Limits.Connections)
	}
	return status
}

// humanBytes writes a number of bytes in three digits or so.
func humanBytes(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for ; value >= 1023.95 && unit < len(units)-1; unit++ { // which would be printed as 1024.0
		value /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
