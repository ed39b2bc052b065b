package forward

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/logging"
	"uring-socket-proxyd/internal/statistics"
)

// ReportUnreachable logs a connection that ends because no address of its target
// could be reached. err is why there was none to dial, if so.
func (p *Policy) ReportUnreachable(r *Route, d *Dial, err error) {
	p.report(troubleUnreachable, func() []any {
		var tried []string
		for _, a := range d.failed {
			tried = append(tried, fmt.Sprintf("%s: %v", a.Address, a.Err))
			if fault := a.Address.Fault(); fault != "" {
				tried[len(tried)-1] += ": it " + fault
			}
		}
		if err != nil {
			tried = append(tried, err.Error())
		}
		return []any{"target", r.Target.String(), "tried", strings.Join(tried, "; ")}
	})
}

// reportRefused logs a client that is turned away at the limit.
func (p *Policy) reportRefused(l *activation.Listener) {
	p.report(troubleRefused, func() []any { return []any{"limit", p.Limits.Connections, "listener", l.Address} })
}

// ReportShortage logs that a connection waits for what the process, or the system,
// has run out of.
func (p *Policy) ReportShortage(l *activation.Listener, err error) {
	p.report(troubleShortage, func() []any {
		return []any{"error", err, "connections", p.Gate.Current(), "listener", l.Address, "hint", "raise LimitNOFILE=, or lower --connections-max="}
	})
}

// ReportMemory logs a connection that is reset because there is no memory to hold bytes of
// it.
func (p *Policy) ReportMemory(l *activation.Listener, bytes int, err error) {
	p.report(troubleMemory, func() []any { return []any{"error", err, "bytes", bytes, "listener", l.Address} })
}

// ReportCounters logs what an engine has done so far, all of it, because somebody has
// asked. From any goroutine.
func (p *Policy) ReportCounters(c statistics.Counts) {
	attributes := append([]slog.Attr{slog.Int("connections", p.Gate.Current())}, counters(c)...)
	p.Log.LogAttrs(context.Background(), logging.LevelNotice, "counters", attributes...)
}

// ReportEnd logs what an engine has done, when it ends.
func (p *Policy) ReportEnd(c statistics.Counts) {
	for kind := range troubles {
		p.reportLeftOut(kind)
	}
	attributes := counters(c)
	// Those that are always told come first; others only if there is something to tell.
	told := slices.DeleteFunc(attributes[statistics.BytesToClient+1:], func(a slog.Attr) bool { return a.Value.Uint64() == 0 })
	p.Log.LogAttrs(context.Background(), slog.LevelDebug, "ended", attributes[:int(statistics.BytesToClient)+1+len(told)]...)
}

// counters are all of them, for the log.
func counters(c statistics.Counts) []slog.Attr {
	attributes := make([]slog.Attr, len(c.Of))
	for i, n := range c.Of {
		attributes[i] = slog.Uint64(statistics.Totals[i].Key, n)
	}
	return attributes
}

// ReportHeader logs a client that is reset for what should have been a PROXY header.
func (p *Policy) ReportHeader(l *activation.Listener, peer unix.Sockaddr, err error) {
	p.report(troubleHeader, func() []any {
		return []any{"error", err, "client", printable(address(peer)), "listener", l.Address}
	})
}

// ReportAcceptFailed logs a listener that pauses after an error, or that goes on
// at once when pause is 0.
func (p *Policy) ReportAcceptFailed(l *activation.Listener, err error, pause time.Duration) {
	if Shortage(err) {
		p.ReportShortage(l, err)
		return
	}
	p.report(troubleAccept, func() []any { return []any{"listener", l.Address, "error", err, "pause", pause} })
}

// AboutClient tells whether an error in accepting is about one client, who has left
// (accept(2) lists those).
func AboutClient(errno syscall.Errno) bool {
	switch errno {
	case syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
		syscall.ENONET, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH:
		return true
	}
	return false
}

// AcceptPause tells how long to stop accepting after an error: not at all when it
// was about one client; for a moment when
// descriptors or memory have run out; else longer and longer (100 ms to 1 s), as the
// listener is broken, and the loop must not spin.
func AcceptPause(errno syscall.Errno, previous time.Duration) time.Duration {
	switch {
	case AboutClient(errno):
		return 0
	case Shortage(errno):
		return ShortagePause
	}
	return min(max(2*previous, 100*time.Millisecond), time.Second)
}
