package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// stage is a proxy, the targets behind it, and all who are connected by it. One thread
// has all of it.
type stage struct {
	t       *testing.T
	setting *setting
	seed    uint64
	only    uint64     // the number whose plan all connections have; 0 for their own
	random  *rand.Rand // for what belongs to no plan

	loop    *loop
	clock   clock
	process *harness.Process
	doors   []unix.Sockaddr // the proxy's listeners, by route
	targets []*targetSocket // by kind
	files   files

	last      uint64 // number of a connection
	open      map[uint64]*connection
	strangers map[*end]struct{} // targets' ends that have yet to learn whose they are
	block     []byte            // to receive into
	control   []byte

	inFlight, mostInFlight int // descriptors

	account account
	rest    harness.OpenFiles // of the proxy, when nobody is there
	ending  bool              // no more stops
}

// players are how many connections there are at a time.
const players = 64

// play tortures a proxy for as long as is asked for, and judges what has come of it.
func play(t *testing.T, setting *setting, seed uint64) {
	inside := setting.where(t)
	s := &stage{
		t: t, setting: setting, seed: seed, random: rand.New(rand.NewPCG(seed, 1<<63)),
		open: make(map[uint64]*connection), strangers: make(map[*end]struct{}),
		block: make([]byte, longestPiece), control: make([]byte, unix.CmsgSpace(4*mostFiles)), account: newAccount(),
	}
	if text := os.Getenv("TORTURE_CONNECTION"); text != "" {
		var err error
		if s.only, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TORTURE_CONNECTION: %v", err)
		}
	}
	inside(func() {
		s.begin()
		s.warmUp()
		s.torture()
		s.end()
	})
}

// begin starts everything.
func (s *stage) begin() {
	var err error
	if s.loop, err = newLoop(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.loop.close)
	if s.setting.passing {
		s.files = newFiles(s.t)
		s.mostInFlight = limitInFlight(s.t)
	}
	for kind := range targetKinds {
		s.targets = append(s.targets, s.newTarget(kind))
	}
	s.start()
	s.rest = s.process.OpenFiles()
	s.clock.last = time.Now()
}

// start starts the proxy, with a listener for each route.
func (s *stage) start() {
	options := harness.Options{Args: append([]string{"--connections-max=2000"}, s.setting.args...)}
	var names []string
	var tcp []*os.File
	for i, r := range routes {
		l := harness.Listen(s.t, r.client, harness.SocketOptions{})
		if r.client.IsTCP() {
			tcp = append(tcp, s.fileOf(l))
		}
		options.Listeners = append(options.Listeners, l)
		s.doors = append(s.doors, sockaddr(l.Address))
		name := fmt.Sprintf("route%d", i)
		names = append(names, name)
		options.Args = append(options.Args, "--map="+name+"="+s.targets[r.target].name)
	}
	options.Env = []string{"LISTEN_FDNAMES=" + strings.Join(names, ":")}
	s.process = harness.Start(s.t, s.setting.program, options)
	s.awaitTaken(tcp)
}

// awaitTaken waits until the proxy has taken the listeners on TCP, and closes them here. Of
// urgent bytes that clients have sent before, which nothing keeps them from, the first may
// be lost.
func (s *stage) awaitTaken(listeners []*os.File) {
	for _, l := range listeners {
		raw, err := l.SyscallConn() // Fd would have the listener block, the proxy's too
		if err != nil {
			s.t.Fatal(err)
		}
		harness.Until(s.t, "the proxy to take its listeners", func() (taken bool) {
			failed := raw.Control(func(fd uintptr) {
				var inline int
				inline, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE)
				taken = inline == 1
			})
			if err := errors.Join(failed, err); err != nil {
				s.t.Fatal(err)
			}
			return taken
		})
		l.Close()
	}
}

// fileOf is another descriptor of a listener, as the one of its own is the proxy's soon.
func (s *stage) fileOf(l *harness.Listener) *os.File {
	file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

func sockaddr(a harness.Address) unix.Sockaddr {
	if !a.Transport.IsTCP() {
		return &unix.SockaddrUnix{Name: a.Text}
	}
	port, _ := strconv.Atoi(a.Port()) // a listener's
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

// warmUp plays a few plans, so that whatever the proxy opens once is open.
func (s *stage) warmUp() {
	for range 2 * players {
		s.launch()
	}
	s.run(func() bool { return len(s.open)+len(s.strangers) > 0 })
	s.rest.Others = s.process.OpenFiles().Others
}

// torture plays for as long as it should, and then until all connections are over.
func (s *stage) torture() {
	began := time.Now()
	stopAt, report := began.Add(whole), began.Add(reportEvery)
	if !without("stops") {
		s.stopLater()
	}
	s.run(func() bool {
		now := time.Now()
		playing := now.Before(stopAt) && s.account.soFar() < tooMany
		for playing && len(s.open) < players {
			s.launch()
		}
		if playing {
			s.account.took, s.account.inTime = now.Sub(began), s.account.played
		}
		if now.After(report) {
			report = now.Add(reportEvery)
			s.say("%v so far: %v", now.Sub(began).Round(time.Second), &s.account)
		}
		return playing || len(s.open)+len(s.strangers) > 0
	})
	s.ending = true
	s.goOn()
}

// run lets everything happen, while it should.
func (s *stage) run(going func() bool) {
	for going() {
		if err := s.loop.turn(10 * time.Millisecond); err != nil {
			s.fatal("epoll_wait: %v", err)
		}
		if time.Since(s.clock.last) >= tick {
			s.clock.tick()
			s.watchStill()
			if !s.process.Running() {
				s.fatal("the process has ended; it wrote:\n%s", s.process.Stderr())
			}
		}
	}
}

// launch makes a connection's client.
func (s *stage) launch() {
	s.last++
	c := &connection{stage: s, number: s.last, began: time.Now(), moved: s.clock.now}
	c.plan = newPlan(s.setting, s.seed, s.planOf(c.number))
	c.streams = [2]stream{newStream(c.number, client), newStream(c.number, target)}
	s.open[c.number] = c
	s.connect(c)
}

// planOf is the number of the plan that a connection has.
func (s *stage) planOf(number uint64) uint64 {
	if s.only > 0 {
		return s.only
	}
	return number
}

func (s *stage) connect(c *connection) {
	part := &c.plan.parts[client]
	family := unix.AF_UNIX
	if part.tcp {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		s.fatal("socket: %v", err)
	}
	if part.receiveBuffer > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, part.receiveBuffer) // never refused
	}
	switch err := unix.Connect(fd, s.doors[c.plan.route]); err {
	case nil, unix.EINPROGRESS:
	case unix.EAGAIN: // a full backlog
		unix.Close(fd)
		s.loop.after(10*time.Millisecond, func() { s.connect(c) })
		return
	default:
		unix.Close(fd)
		s.violated(violationRefused, c, "connect: %v", err)
		s.forget(c)
		return
	}
	figures.Count("connections", 1)
	s.newEnd(fd, client, part.tcp).begin(c)
}

// fatal ends the test for what is no violation.
func (s *stage) fatal(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(format, args...)
}
