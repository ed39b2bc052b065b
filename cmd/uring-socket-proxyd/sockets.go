package main

import (
	"log/slog"

	"uring-socket-proxyd/internal/activation"
)

// sockets are what the program forwards from.
type sockets struct {
	listeners   []*activation.Listener
	connections []*activation.Connection
}

// openSockets takes the inherited sockets and opens those of --listen=.
func openSockets(specs []string) (s sockets, err error) {
	absence := activation.Absence()
	if s.listeners, s.connections, err = activation.Inherited(); err != nil {
		return sockets{}, err
	}
	opened, err := activation.ListenAll(specs, s.listeners)
	if err != nil {
		_ = s.close()
		s.breakOff()
		return sockets{}, err
	}
	s.listeners = append(s.listeners, opened...)
	if len(s.listeners)+len(s.connections) == 0 {
		return sockets{}, absence
	}
	return s, nil
}

func (s sockets) closeListeners(log *slog.Logger) {
	if err := s.close(); err != nil {
		log.Warn("cannot close a listener", "error", err)
	}
}

// breakOff resets the connections, which no engine has taken over.
func (s sockets) breakOff() {
	for _, c := range s.connections {
		c.Reset()
	}
}

// close closes every listener and returns the first error.
func (s sockets) close() error {
	var first error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
