// Package peer runs the forwarders that the benchmark compares: it finds them, starts each
// as its users would, and ends it with all its processes.
//
// How a peer is configured is data: conf/NAME.args are its arguments, one per line,
// conf/NAME.cfg its configuration file, both templates over Setting.
package peer

import (
	"fmt"
	"slices"
	"strings"

	"uring-socket-proxyd/bench/scenario"
)

// Peer is a forwarder.
type Peer struct {
	Name    string
	Extra   []string // further arguments, where the template has room for them
	Program string   // path; "" for direct, which is not a program
	Missing string   // why it cannot be measured here
	Version string   // as the program prints it

	conf         string   // name of its templates
	only         []string // scenarios that it takes part in; all if empty
	programs     []string // paths where it may be
	version      []string // arguments that make it print its version
	environ      []string
	activated    bool                        // always gets its listening socket from a service manager
	cannotTake   string                      // why it cannot get it from there
	needs        func(program string) string // returns why the program alone is not enough, or ""
	couldNotTake func(program string) string // returns cannotTake, if it depends on the program
}

// Direct is the peer without a proxy.
const Direct = "direct"

// all is every peer, in the order in which results list them.
func all(ours, gocopy string) []Peer {
	return []Peer{
		{Name: Direct},
		{Name: "original", activated: true, version: []string{"--version"},
			programs: []string{"/usr/lib/systemd/systemd-socket-proxyd", "/lib/systemd/systemd-socket-proxyd"}},
		{Name: "socat", version: []string{"-V"}, couldNotTake: socatTakesNone,
			programs: []string{"socat"}},
		{Name: "haproxy", version: []string{"-v"},
			programs: []string{"haproxy", "/usr/sbin/haproxy"}},
		{Name: "nginx", cannotTake: "nginx does not take listening sockets from a service manager", version: []string{"-v"}, needs: streamModuleMissing,
			programs: []string{"nginx", "/usr/sbin/nginx"}},
		{Name: "gocopy", environ: []string{"GOMAXPROCS=1"},
			programs: []string{gocopy}},
		{Name: "uring", activated: true, version: []string{"--version"},
			programs: []string{ours}},
		// It spends a core on polling, to reduce the delay of single messages. With more
		// messages under way there is little to wait for, and others need the core.
		{Name: "uring-busy", conf: "uring", Extra: []string{"--busy-poll=50us"}, only: []string{"echo-1"}, activated: true,
			version: []string{"--version"}, programs: []string{ours}},
		{Name: "epoll", activated: true, version: []string{"--version"},
			programs: []string{ours}},
	}
}

// Names lists all peers.
func Names() []string {
	var names []string
	for _, p := range all("", "") {
		names = append(names, p.Name)
	}
	return names
}

// Find looks for the peers with these names, or for all if there are no names, and for our
// own programs at the paths given. A peer that is not there is returned with the reason in
// Missing.
func Find(names []string, ours, gocopy string) ([]Peer, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("no such peer: %q; choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	var found []Peer
	for _, p := range all(ours, gocopy) {
		if len(names) == 0 || slices.Contains(names, p.Name) {
			p.find()
			found = append(found, p)
		}
	}
	return found, nil
}

// Variant returns p under another name and with further arguments.
func (p *Peer) Variant(name string, extra ...string) Peer {
	v := *p
	if v.conf == "" {
		v.conf = p.Name
	}
	v.Name, v.Extra = name, append(slices.Clone(p.Extra), extra...)
	return v
}

// Program returns a peer that is not part of the suite: a program with the arguments
// LISTEN and TARGET, as gocopy takes them.
func Program(name, path string, environ ...string) Peer {
	return Peer{Name: name, Program: path, conf: "gocopy", environ: environ}
}

// TakesPart reports whether p has a row in s at all. Some peers are there only for certain
// scenarios.
func (p *Peer) TakesPart(s *scenario.Scenario) bool {
	return len(p.only) == 0 || slices.Contains(p.only, s.Name)
}

// Cannot returns why p cannot run s, or "".
func (p *Peer) Cannot(s *scenario.Scenario) string {
	switch {
	case s.Kind != scenario.Activate:
		return ""
	case p.Name == Direct:
		return "there is no proxy to start"
	default:
		return p.cannotTake
	}
}
