package harness

import (
	"errors"
	"os"
	"slices"
	"testing"

	"uring-socket-proxyd/test/lib/newest"
)

// Program is a proxy under test.
type Program struct {
	Name string
	// Args come before those of a test, as --engine= would.
	Args []string
	// Original tells that it is one that ours replaces.
	Original bool
	// Graceful tells that SIGTERM ends the program with exit status 0, not by
	// the signal.
	Graceful bool
	// Find returns the executable, made if need be, or skips the test.
	Find func(t testing.TB) string
}

// Uring and Epoll are our program with its engines.
var (
	Uring = &Program{Name: "uring", Args: []string{"--engine=uring"}, Graceful: true, Find: findOurs}
	// On61 uses of io_uring what Linux 6.1 has.
	On61  = &Program{Name: "uring as of 6.1", Args: []string{"--engine=uring", "--ring-features=-recv-limit"}, Graceful: true, Find: findOurs}
	Epoll = &Program{Name: "epoll", Args: []string{"--engine=epoll"}, Graceful: true, Find: findOurs}
)

// Original and Newest are the program that ours replaces: as it is installed, and the
// newest that tools/install-packages has fetched.
var (
	Original = &Program{Name: "original", Original: true, Find: func(t testing.TB) string { return found(t, OriginalPath) }}
	Newest   = &Program{Name: "newest original", Original: true, Find: func(t testing.TB) string { return found(t, newest.Path) }}
)

// Originals are both.
var Originals = []*Program{Original, Newest}

// Ours are the engines of our program.
var Ours = []*Program{Uring, On61, Epoll}

// Programs are all that a case is run against.
var Programs = slices.Concat(Ours, Originals)

// Executable returns the program's path. It skips the test when the program is
// not installed.
func (p *Program) Executable(t testing.TB) string {
	t.Helper()
	return p.Find(t)
}

// IsOurs reports whether the program is ours, whatever its engine.
func (p *Program) IsOurs() bool { return !p.Original }

// Plain returns the program without the race detector, whose own memory and
// time would drown what a test measures.
func (p *Program) Plain() *Program {
	if !p.IsOurs() {
		return p
	}
	plain := *p
	plain.Find = func(t testing.TB) string { return build(t, false) }
	return &plain
}

func findOurs(t testing.TB) string { return build(t, RaceBuilt) }

func found(t testing.TB, find func() (string, error)) string {
	t.Helper()
	path, err := find()
	if err != nil {
		t.Skip(err)
	}
	return path
}

// OriginalPath is where the original is installed.
func OriginalPath() (string, error) {
	for _, path := range []string{"/lib/systemd/systemd-socket-proxyd", "/usr/lib/systemd/systemd-socket-proxyd"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("systemd-socket-proxyd is not installed")
}
