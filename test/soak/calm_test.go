package soak

import (
	"fmt"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// baseline is what the proxy has when nobody but the bystanders is there.
type baseline struct {
	descriptors descriptors
	limit       unix.Rlimit // of descriptors
	start       int64       // resident bytes before anything was played
	warm        int64       // and after the first round
}

// growth is what resident memory may grow by after the first round: what the Go
// runtime has not given back yet, and stacks and queues that a later round was the
// first to need. On top comes what workers keep for reuse (setting.kept), of which a
// round touches what it happens to.
const growth = 6 << 20

func (s *stage) takeBaseline() {
	s.rest.descriptors = s.descriptors()
	s.rest.start = s.proxy.ResidentBytes()
	if err := unix.Prlimit(s.proxy.PID(), unix.RLIMIT_NOFILE, nil, &s.rest.limit); err != nil {
		s.t.Fatalf("prlimit: %v", err)
	}
}

// calm looks, after a round, whether all is as it was before, and whether the limit
// still is the limit.
func (s *stage) calm(round int) {
	s.givenBack()
	if err := s.limitIsExact(); err != nil {
		s.fail("after the round: %v", err)
	}
	s.givenBack()
	if err := s.until("the bystanders to be answered", s.standing.gotOn); err != nil {
		s.fail("after the round: %v", err)
	}
	s.logIsHarmless()
	resident := s.proxy.ResidentBytes()
	s.say("round %d is over: %v, %s resident", round, s.descriptors(), size(resident))
	if round == 1 {
		s.rest.warm = resident
	} else if most := s.rest.warm + growth + s.setting.kept(s.program); resident > most && !harness.RaceBuilt {
		s.fail("%s are resident after the round, %s after the first; want at most %s", size(resident), size(s.rest.warm), size(most))
	}
}

// givenBack waits until every connection of the round is closed, and its pipes but
// for those that are kept.
func (s *stage) givenBack() {
	rest := s.rest.descriptors
	err := s.until("descriptors to be given back", func() bool {
		now := s.descriptors()
		return now.sockets == rest.sockets && now.pipes <= rest.pipes+s.setting.keptPipes() && now.others <= rest.others+openedOnce
	})
	if err != nil {
		s.fail("%v: %v, at first %v", err, s.descriptors(), rest)
	}
}

// openedOnce is how many descriptors the Go runtime opens when they are first needed,
// for its own poller.
const openedOnce = 4

// descriptors are a process's open files, by sort.
type descriptors struct{ sockets, pipes, others int }

func (d descriptors) sum() int { return d.sockets + d.pipes + d.others }

func (d descriptors) String() string {
	return fmt.Sprintf("%d sockets, %d ends of pipes, %d other descriptors", d.sockets, d.pipes, d.others)
}

func (s *stage) descriptors() descriptors {
	open := s.proxy.OpenFiles()
	return descriptors{sockets: len(open.Sockets), pipes: open.Pipes, others: open.Others}
}

// harmless matches what the proxy may log in a mix like this.
var harmless = regexp.MustCompile(`^(connection limit reached, (refusing a connection|resetting a connection that one side has left)|counters|cannot reach the target, closing the connection|out of descriptors or memory, connections wait until others end)(, repeated)?: `)

// logIsHarmless looks at the lines that are new.
func (s *stage) logIsHarmless() {
	lines := s.proxy.Lines()
	for _, line := range lines[s.linesSeen:] {
		if !harmless.MatchString(line) {
			s.fail("the proxy wrote %q", line)
		}
	}
	s.linesSeen = len(lines)
}

// end sends the bystanders home and ends the proxy.
func (s *stage) end() {
	s.standing.leave()
	s.rest.descriptors.sockets -= 2 * len(s.standing.all)
	s.givenBack()
	s.say("all have left: %v, %s resident; %s at the start, %s after the first round; answers to bystanders took at most %v",
		s.descriptors(), size(s.proxy.ResidentBytes()), size(s.rest.start), size(s.rest.warm), s.standing.slowest().Round(time.Millisecond))
	if n, most := s.givenUp.Load(), s.mostGivenUp(); n > most {
		s.fail("%d connections were reset, and the proxy gave up %d that one side had left", n, most)
	}
	s.proxy.Signal(unix.SIGTERM)
	if status := s.proxy.AwaitExit(); status != "exit status 0" {
		s.fail("the proxy ended with %s", status)
	}
	s.logIsHarmless()
}

// mostGivenUp is how many connections the proxy says that it has reset at the limit, as one
// side had left and the other was silent, which a call may be for longer than it waits.
func (s *stage) mostGivenUp() (n int64) {
	s.proxy.Signal(unix.SIGUSR1)
	line := s.proxy.AwaitLine(`^counters: `)
	if _, err := fmt.Sscanf(givenUp.FindString(line), "given-up=%d", &n); err != nil {
		s.fail("%q does not tell how many were given up: %v", line, err)
	}
	return n
}

var givenUp = regexp.MustCompile(`\bgiven-up=\d+`)
