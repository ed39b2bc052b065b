package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

// mapping is a value of --map=: the target of the listeners with a certain name.
type mapping struct {
	name, text string
	target     target.Template // parsed from text by parse
}

// mappings are the values of all --map= together.
type mappings []mapping

func (m *mappings) Set(value string) error {
	name, text, found := strings.Cut(value, "=")
	if !found || name == "" {
		return errors.New("need NAME=TARGET, with the name of a listener")
	}
	if m.index(name) >= 0 {
		return fmt.Errorf("listener %q already has a target", name)
	}
	*m = append(*m, mapping{name: name, text: text})
	return nil
}

// parse parses the targets. It is called after all options were read, because --family=
// decides how.
func (m mappings) parse(family target.Family) (err error) {
	for i, one := range m {
		if m[i].target, err = family.ParseTemplate(one.text); err != nil {
			return fmt.Errorf("--map=%q: %w", one.name+"="+one.text, err)
		}
	}
	return nil
}

func (m *mappings) String() string { return "" }
func (m *mappings) Type() string   { return "NAME=TARGET" }

// index returns the position of a name's mapping, or a negative number if there is none.
func (m mappings) index(name string) int {
	return slices.IndexFunc(m, func(one mapping) bool { return one.name == name })
}

// targets decide where connections go: by the listener's name, or else to the target that
// is the program's argument.
type targets struct {
	mapped mappings
	rest   target.Template // empty if none was given
}

// pair finds the targets of all sockets.
func (t targets) pair(s sockets) ([]forward.Route, []crew.Client, error) {
	all := slices.Clone(s.listeners)
	for _, c := range s.connections {
		all = append(all, c.Listener)
	}
	routes, err := t.routes(all)
	if err != nil {
		return nil, nil, err
	}
	listening, passed := routes[:len(s.listeners)], routes[len(s.listeners):]
	var accepted []crew.Client
	for i, c := range s.connections {
		accepted = append(accepted, crew.Client{Route: &passed[i], FD: c.FD})
	}
	return listening, accepted, nil
}

// routes pairs each listener with its target. Every name with a mapping must be that of
// some listener.
func (t targets) routes(listeners []*activation.Listener) ([]forward.Route, error) {
	for _, one := range t.mapped {
		if !slices.ContainsFunc(listeners, func(l *activation.Listener) bool { return l.Name == one.name }) {
			return nil, fmt.Errorf("--map=%q: no listener is named %q; choose from %s",
				one.name+"="+one.target.String(), one.name, names(listeners))
		}
	}
	var routes []forward.Route
	for _, l := range listeners {
		to, err := t.of(l)
		if err == nil {
			err = to.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("listener %q (%s): %w", l.Name, l.Address, err)
		}
		routes = append(routes, forward.Route{Listener: l, Target: to})
	}
	return routes, nil
}

// of returns the target of a listener.
func (t targets) of(l *activation.Listener) (target.Target, error) {
	to := t.rest
	if i := t.mapped.index(l.Name); i >= 0 {
		to = t.mapped[i].target
	}
	if to.String() == "" {
		return target.Target{}, fmt.Errorf("no target given; write --map=%s=TARGET, or a target for all listeners without one", l.Name)
	}
	return to.For(l.Name, l.Port)
}

// names lists the names of listeners, each once.
func names(listeners []*activation.Listener) string {
	var all []string
	for _, l := range listeners {
		if name := strconv.Quote(l.Name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
