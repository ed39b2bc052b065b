package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"uring-socket-proxyd/bench/measure"
	"uring-socket-proxyd/bench/peer"
	"uring-socket-proxyd/bench/result"
	"uring-socket-proxyd/bench/scenario"
)

// runner is a run under way.
type runner struct {
	Options
	scratch  string // directory; each measurement has its own below
	measured int
	run      *result.Run
	progress progress
}

// Run runs the benchmark. A failure in a measurement makes its row invalid; the error is
// for failures that stop the whole run, including the end of ctx. All processes are gone
// when Run returns.
func Run(ctx context.Context, o Options) (*result.Run, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "proxy-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	started := time.Now()
	r := &runner{Options: o, scratch: scratch}
	r.run = &result.Run{Version: result.Version, Started: started.UTC(), Command: o.Command, Seed: o.Seed, Machine: measure.Machine()}
	r.Peers = nil // will be those that are not missing
	for _, p := range o.Peers {
		r.run.Peers = append(r.run.Peers, result.Peer{Name: p.Name, Version: p.Version, Missing: p.Missing})
		if p.Missing == "" {
			r.Peers = append(r.Peers, p)
		}
	}
	r.progress = newProgress(&r.Options)
	for _, s := range o.Scenarios {
		table, err := r.scenario(ctx, &s)
		if err != nil {
			return nil, err
		}
		r.run.Scenarios = append(r.run.Scenarios, table)
	}
	r.run.Seconds = time.Since(started).Seconds()
	r.progress.end()
	return r.run, nil
}

// scenario measures one scenario, all peers in each round.
func (r *runner) scenario(ctx context.Context, s *scenario.Scenario) (result.Table, error) {
	table := result.Table{Name: s.Name, Description: s.Description, Connections: s.Connections,
		MessageSize: s.MessageSize, Loop: "closed", Rate: r.rate(s), Seconds: r.Seconds}
	if table.Rate > 0 {
		table.Loop = "open"
	}
	peers := r.taking(s)
	var able []int // indices of peers, which are also the indices of their rows
	for i, p := range peers {
		row := result.Row{Peer: p.Name, Skipped: p.Cannot(s)}
		if row.Skipped == "" {
			able = append(able, i)
		}
		table.Rows = append(table.Rows, row)
	}
	for round := range r.Rounds {
		for _, i := range order(able, round) {
			p := peers[i]
			r.progress.begin(s, p.Name, round+1)
			figures := r.measure(ctx, s, p)
			if ctx.Err() != nil {
				return table, context.Cause(ctx)
			}
			row := &table.Rows[i]
			row.Rounds = append(row.Rounds, figures)
			if len(figures.Errors) > 0 && row.Invalid == "" {
				row.Invalid = fmt.Sprintf("round %d: %s", round+1, figures.Errors[0])
			}
			r.progress.done(s)
		}
	}
	table.Flags = flags(&table)
	return table, nil
}

// order returns the order of the peers in a round: A B C, then B C A, so that none always
// has the same place.
func order(peers []int, round int) []int {
	var turned []int
	for i := range peers {
		turned = append(turned, peers[(i+round)%len(peers)])
	}
	return turned
}

// measure makes one measurement.
func (r *runner) measure(ctx context.Context, s *scenario.Scenario, p *peer.Peer) result.Round {
	directory := filepath.Join(r.scratch, strconv.Itoa(r.measured))
	r.measured++
	if err := os.Mkdir(directory, 0o700); err != nil {
		return result.Round{Errors: []string{err.Error()}}
	}
	defer os.RemoveAll(directory)
	t := &trial{runner: r, scenario: s, peer: p, directory: directory}
	defer t.stop()
	var err error
	switch s.Kind {
	case scenario.Idle:
		err = t.idle(ctx)
	case scenario.Activate:
		err = t.activate(ctx)
	default:
		err = t.traffic(ctx)
	}
	if err != nil {
		t.round.Errors = append(t.round.Errors, err.Error())
		if t.proxy != nil && t.proxy.Log() != "" {
			t.round.Errors = append(t.round.Errors, p.Name+" wrote: "+t.proxy.Log())
		}
	}
	return t.round
}

// describe records how a peer was started, once.
func (r *runner) describe(p *peer.Peer, process *peer.Process) {
	for i := range r.run.Peers {
		if known := &r.run.Peers[i]; known.Name == p.Name && known.Command == nil {
			known.Command, known.Config = process.Command, process.Config
		}
	}
}
