package run

import (
	"time"

	"uring-socket-proxyd/bench/scenario"
)

// progress estimates how far a run has got. It guesses how long measurements take, and
// corrects the guess by how long the earlier ones took.
type progress struct {
	tell            func(Step)
	step            Step
	options         *Options
	started         time.Time
	finished, total float64 // guessed seconds
}

func newProgress(o *Options) progress {
	p := progress{tell: o.Progress, options: o, started: time.Now()}
	if p.tell == nil {
		p.tell = func(Step) {}
	}
	for _, s := range o.Scenarios {
		for _, peer := range o.taking(&s) {
			if peer.Cannot(&s) == "" {
				p.total += float64(o.Rounds) * p.cost(&s)
			}
		}
	}
	return p
}

// cost returns roughly how long a measurement takes in total.
func (p *progress) cost(s *scenario.Scenario) float64 {
	const start, thousandConnections = 0.1, 0.3 // seconds
	return start + p.options.Seconds + p.options.warmUp().Seconds() + thousandConnections*float64(s.Connections)/1000
}

func (p *progress) begin(s *scenario.Scenario, peer string, round int) {
	p.step.Scenario, p.step.Peer, p.step.Round, p.step.Rounds = s.Name, peer, round, p.options.Rounds
	p.say()
}

func (p *progress) done(s *scenario.Scenario) { p.finished += p.cost(s) }

func (p *progress) end() {
	p.step.Scenario, p.step.Peer = "", ""
	p.finished = p.total
	p.say()
}

func (p *progress) say() {
	p.step.Elapsed = time.Since(p.started)
	left := p.total - p.finished
	if p.finished > 0 {
		left *= p.step.Elapsed.Seconds() / p.finished
	}
	p.step.Left = time.Duration(left * float64(time.Second))
	p.step.Done = p.finished / p.total
	p.tell(p.step)
}
