package main

import (
	"math"
	"os"
	"sync"
	"time"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/logging"
	"uring-socket-proxyd/internal/timespan"
)

// shutdown ends an engine on signals: the first one lets connections finish for as long
// as the drain timeout; the next one, or the end of the timeout, resets those that are
// left.
type shutdown struct {
	engine   forward.Engine
	services *crew.Services
	notifier *activation.Notifier
	timeout  timespan.Span // 0 waits for no connection, Infinity for all
	once     sync.Once
}

func newShutdown(engine forward.Engine, services *crew.Services, notifier *activation.Notifier, timeout timespan.Span) *shutdown {
	return &shutdown{engine: engine, services: services, notifier: notifier, timeout: timeout}
}

// onSignals serves until the program ends.
func (s *shutdown) onSignals(signals <-chan os.Signal) {
	first := <-signals
	s.services.Log.Debug("stopping", "signal", first.String())
	s.announce()
	if s.timeout > 0 {
		s.drain()
		second := <-signals
		s.services.Log.Warn("second signal, resetting the remaining connections", "signal", second.String(), "connections", s.services.Gate.Current())
	}
	s.engine.Stop()
}

// drain lets connections finish.
func (s *shutdown) drain() {
	s.services.Log.Info("letting connections finish", "connections", s.services.Gate.Current(), "drain-timeout", s.timeout.String())
	s.engine.Drain()
	if s.timeout == timespan.Infinity {
		return
	}
	time.AfterFunc(s.timeout.Duration(), func() {
		s.services.Log.Warn("the drain timeout has expired, resetting the remaining connections", "connections", s.services.Gate.Current())
		s.engine.Stop()
	})
}

// announce tells the service manager, once, that shutdown has begun and how long it may
// take. It does not wait for a manager that does not read its socket.
func (s *shutdown) announce() {
	s.once.Do(func() {
		if s.timeout == 0 {
			s.services.Pulse.End()
		}
		told := make(chan struct{})
		go func() {
			defer close(told)
			s.tell()
		}()
		select {
		case <-told:
		case <-time.After(logging.FlushTime):
			s.services.Log.Warn("the service manager has not read that shutdown has begun")
		}
	})
}

func (s *shutdown) tell() {
	var extra time.Duration
	if s.timeout > 0 && s.timeout != timespan.Infinity {
		extra = min(s.timeout.Duration(), math.MaxInt64-stopMargin) + stopMargin
	}
	if err := s.notifier.Stopping(extra); err != nil {
		s.services.Log.Warn("cannot notify the service manager that shutdown has begun", "error", err)
	}
}

// stopMargin is how long shutdown may take after the drain timeout.
const stopMargin = 10 * time.Second
