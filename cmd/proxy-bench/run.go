package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/report"
	"uring-socket-proxyd/bench/run"
	"uring-socket-proxyd/bench/scenario"
)

// Defaults of a run. The whole suite takes under 15 minutes on two cores, and under 2
// with --quick.
const (
	fullRounds, fullSeconds   = 5, 1.0
	quickRounds, quickSeconds = 2, 0.2
)

// settings are the options of run and features.
type settings struct {
	scenarios, peers, uringArgs []string
	proxy, gocopy, out          string
	quick                       bool
	rounds, rate                int
	seconds                     float64
	seed                        uint64
}

// flags describes the options of a subcommand.
func (s *settings) flags(name string) *pflag.FlagSet {
	set := pflag.NewFlagSet(programName+" "+name, pflag.ContinueOnError)
	set.SortFlags = false
	beside := besideThis()
	set.BoolVar(&s.quick, "quick", false, fmt.Sprintf("%d rounds of %g s instead of %d of %g s", quickRounds, quickSeconds, fullRounds, fullSeconds))
	set.StringSliceVar(&s.scenarios, "scenarios", nil, "only these `NAMES`, separated by commas")
	set.IntVar(&s.rounds, "rounds", fullRounds, "how many times each peer runs each scenario")
	set.Float64Var(&s.seconds, "seconds", fullSeconds, "how long each of these runs takes")
	set.IntVar(&s.rate, "rate", 0, "send `N` requests per second by the clock, without waiting for replies\n(open loop); 0 sends the next one when the last is answered (closed loop)")
	set.Uint64Var(&s.seed, "seed", 1, "seed of the payload and of the statistics")
	set.StringVar(&s.out, "out", "bench-results", "write results into `DIRECTORY`")
	set.StringVar(&s.proxy, "proxy", filepath.Join(beside, "uring-socket-proxyd"), "`PATH` of uring-socket-proxyd")
	set.StringVar(&s.gocopy, "gocopy", filepath.Join(beside, "gocopy"), "`PATH` of the plain Go proxy")
	set.StringArrayVar(&s.uringArgs, "uring-args", nil, "`ARGUMENT` for the peer uring on top; may be given more than once")
	return set
}

// besideThis returns the directory of this program by its shortest path from here: paths
// go into results, which others read.
func besideThis() string {
	path, err := os.Executable()
	if err != nil {
		return "bin"
	}
	beside := filepath.Dir(path)
	here, err := os.Getwd()
	if err != nil {
		return beside
	}
	if relative, err := filepath.Rel(here, beside); err == nil && filepath.IsLocal(relative) {
		return "./" + relative
	}
	return beside
}

// parse reads the options of a subcommand.
func (s *settings) parse(set *pflag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; %s --help lists the options", set.Arg(0), set.Name())
	}
	if s.quick && !set.Changed("rounds") {
		s.rounds = quickRounds
	}
	if s.quick && !set.Changed("seconds") {
		s.seconds = quickSeconds
	}
	return nil
}

// runFlags describes the options of run.
func (s *settings) runFlags() *pflag.FlagSet {
	set := s.flags("run")
	set.StringSliceVar(&s.peers, "peers", nil, "only these `NAMES`, separated by commas")
	return set
}

// runSuite is the subcommand run.
func runSuite(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	set := s.runFlags()
	if err := s.parse(set, args); err != nil {
		return err
	}
	peers, err := peer.Find(s.peers, s.proxy, s.gocopy)
	if err != nil {
		return err
	}
	for i := range peers {
		if peers[i].Name == "uring" {
			peers[i].Extra = s.uringArgs
		}
	}
	return s.measure(ctx, peers, stdout, stderr)
}

// measure runs the peers and writes the report.
func (s *settings) measure(ctx context.Context, peers []peer.Peer, stdout, stderr io.Writer) error {
	scenarios, err := scenario.Named(s.scenarios)
	if err != nil {
		return err
	}
	if err := raiseLimit(); err != nil {
		return err
	}
	if err := peer.Adopt(); err != nil {
		return err
	}
	for _, p := range peers {
		if p.Missing != "" {
			fmt.Fprintf(stderr, "%s is missing: %s\n", p.Name, p.Missing)
		}
	}
	show := newProgress(stderr)
	found, err := run.Run(ctx, run.Options{Scenarios: scenarios, Peers: peers, Rounds: s.rounds, Seconds: s.seconds,
		Rate: s.rate, Seed: s.seed, Command: os.Args, Progress: show.step})
	show.end()
	if err != nil {
		return err
	}
	if err := report.Write(s.out, found); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nmedians of %d rounds of %g s:\n\n", s.rounds, s.seconds)
	invalid := printTable(stdout, found)
	report.PrintTargets(stdout, found)
	fmt.Fprintf(stdout, "\n%s/report.html has the rest; this took %v\n", s.out, time.Duration(found.Seconds*float64(time.Second)).Round(time.Second))
	if invalid > 0 {
		return fmt.Errorf("%d rows are invalid", invalid)
	}
	return nil
}

// raiseLimit raises the limit on open descriptors as far as possible, for the load
// generator and for the peers. Go raises its own limit, but not that of its children.
func raiseLimit() error {
	const wanted = 20000 // the original needs six for each of 3000 connections
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	limit.Cur = limit.Max
	if limit.Cur < wanted {
		fmt.Fprintf(os.Stderr, "%s: only %d descriptors are allowed, idle-3000 needs %d: see \"ulimit -Hn\"\n", programName, limit.Cur, wanted)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	return nil
}
