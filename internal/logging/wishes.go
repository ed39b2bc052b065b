package logging

import (
	"log/slog"
	"strings"
)

// Wishes are what the environment asks of the log, in the variables that systemd's
// programs read.
type Wishes struct {
	level    slog.Level
	ofTarget map[string]slog.Level // bounds of single targets
	unknown  []string              // words in $SYSTEMD_LOG_LEVEL that are not levels

	console bool // lines on standard error, even if that leads to the journal
	nowhere bool
}

// levelNothing is above every level that is logged.
const levelNothing = slog.LevelError + 4

// targets are the log targets that a level can be set for.
var targets = map[string]bool{"console": true, "journal": true, "kmsg": true, "syslog": true}

// ReadWishes reads the variables. systemd sets $DEBUG_INVOCATION for a start after a
// failure, if the unit has RestartMode=debug; an explicit level takes precedence.
func ReadWishes(getenv func(string) string) Wishes {
	w := Wishes{ofTarget: make(map[string]slog.Level)}
	if isYes(getenv("DEBUG_INVOCATION")) {
		w.level = slog.LevelDebug
	}
	for part := range strings.SplitSeq(getenv("SYSTEMD_LOG_LEVEL"), ",") {
		name := strings.TrimSpace(part)
		target, name, single := strings.Cut(name, ":")
		if !single {
			target, name = "", target
		}
		level, known := levelNamed(name)
		switch {
		case part == "":
		case !known || single && !targets[target]:
			w.unknown = append(w.unknown, part)
		case single:
			w.ofTarget[target] = level
		default:
			w.level = level
		}
	}
	target := getenv("SYSTEMD_LOG_TARGET")
	w.console = strings.HasPrefix(target, "console")
	w.nowhere = target == "null"
	return w
}

// levelFor returns the level for a log target: the general one, or the target's own if
// that logs less.
func (w Wishes) levelFor(target string) slog.Level {
	level := w.level
	if bound, ok := w.ofTarget[target]; ok {
		level = max(level, bound)
	}
	if w.nowhere {
		level = levelNothing
	}
	return level
}

// levelNamed maps syslog's level names and numbers to slog's.
func levelNamed(name string) (level slog.Level, known bool) {
	switch strings.ToLower(name) {
	case "debug", "7":
		return slog.LevelDebug, true
	case "info", "6":
		return slog.LevelInfo, true
	case "notice", "5":
		return LevelNotice, true
	case "warning", "4":
		return slog.LevelWarn, true
	case "err", "3":
		return slog.LevelError, true
	case "crit", "alert", "emerg", "null", "2", "1", "0":
		return levelNothing, true
	}
	return 0, false
}

// isYes reports whether systemd would take a value for true.
func isYes(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// Complain logs those wishes that were not understood. As in the original, they have no
// effect.
func (w Wishes) Complain(log *slog.Logger) {
	for _, name := range w.unknown {
		log.Warn("SYSTEMD_LOG_LEVEL= has an unknown level; write debug, info, notice, warning, err or crit", "value", name)
	}
}
