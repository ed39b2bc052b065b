package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/figures"
	"uring-socket-proxyd/test/harness"
)

// stage is a proxy, the targets behind it, and all who are connected by it. One thread
// has all of it.
type stage struct {
	t       *testing.T
	setting *setting
	seed    uint64
	random  *rand.Rand // for what belongs to no plan
	only    uint64     // the number whose plan all have; 0 for their own
	loop    *loop
	clock   clock
	process *harness.Process

	doors   []unix.Sockaddr // the proxy's listeners, by route
	targets []*targetSocket
	files   files

	inFlight, mostInFlight int // descriptors

	last      uint64 // number of a connection
	open      map[uint64]*connection
	strangers map[*end]struct{} // targets' ends that have yet to learn whose they are
	block     []byte            // to receive into
	control   []byte
	account   account
	rest      descriptors
	ending    bool // no more stops
}

// players are how many connections there are at a time.
const players = 64

// targetSocket is where targets take connections.
type targetSocket struct {
	*stage
	kind   int // in targetKinds
	fd     int
	name   string // as the proxy is told
	abrupt int    // have left at once, and their clients have not been heard of
}

// play tortures a proxy for as long as is asked for, and judges what has come of it.
func play(t *testing.T, setting *setting, seed uint64) {
	inside := setting.where(t)
	s := &stage{
		t: t, setting: setting, seed: seed, random: rand.New(rand.NewPCG(seed, 1<<63)),
		open: make(map[uint64]*connection), strangers: make(map[*end]struct{}),
		block: make([]byte, longestPiece), control: make([]byte, unix.CmsgSpace(4*253)), account: newAccount(),
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
		most, err := limitDescriptors()
		if err != nil {
			s.t.Fatal(err)
		}
		s.mostInFlight = max(most/8, 253)
	}
	options := harness.Options{Args: append([]string{"--connections-max=2000"}, s.setting.args...)}
	for kind := range targetKinds {
		s.targets = append(s.targets, s.newTarget(kind))
	}
	var names []string
	for i, r := range routes {
		l := harness.Listen(s.t, r.client, harness.SocketOptions{})
		options.Listeners = append(options.Listeners, l)
		s.doors = append(s.doors, sockaddr(l.Address))
		names = append(names, fmt.Sprintf("route%d", i))
		options.Args = append(options.Args, fmt.Sprintf("--map=route%d=%s", i, s.targets[r.target].name))
	}
	options.Env = []string{"LISTEN_FDNAMES=" + strings.Join(names, ":")}
	s.process = harness.Start(s.t, s.setting.executable(), options)
	s.rest = s.descriptors()
	s.clock.last = time.Now()
}

// newTarget opens a socket that targets are reached by.
func (s *stage) newTarget(kind int) *targetSocket {
	var options harness.SocketOptions
	if targetKinds[kind].tiny {
		options.ReceiveBuffer = tinyBuffer
	}
	l := harness.Listen(s.t, targetKinds[kind].transport, options)
	file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { file.Close() })
	target := &targetSocket{stage: s, kind: kind, fd: int(file.Fd()), name: l.Target()}
	if err := unix.SetNonblock(target.fd, true); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.loop.add(target.fd, target); err != nil {
		s.t.Fatal(err)
	}
	return target
}

func sockaddr(a harness.Address) unix.Sockaddr {
	if !a.Transport.IsTCP() {
		return &unix.SockaddrUnix{Name: a.Text}
	}
	port, _ := strconv.Atoi(a.Port())
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

// warmUp plays some plans of every route, so that whatever the proxy opens once is open.
func (s *stage) warmUp() {
	for range 4 * players {
		s.launch()
	}
	s.run(func() bool { return len(s.open)+len(s.strangers) > 0 })
	s.rest.others = s.descriptors().others
}

// torture plays for as long as it should, and then until all connections are over.
func (s *stage) torture() {
	began := time.Now()
	stopAt := began.Add(whole)
	if !without("stops") {
		s.stopLater()
	}
	s.run(func() bool {
		playing := time.Now().Before(stopAt) && s.account.soFar() < tooMany
		for playing && len(s.open) < players {
			s.launch()
		}
		if playing {
			s.account.took, s.account.atEnd = time.Since(began), s.account.played
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
				s.fatal("the process has ended: %s", s.process.Stderr())
			}
		}
	}
}

// launch makes a connection's client.
func (s *stage) launch() {
	s.last++
	c := &connection{stage: s, number: s.last, began: time.Now(), moved: s.clock.now}
	number := c.number
	if s.only > 0 {
		number = s.only
	}
	c.plan = newPlan(s.setting, s.seed, number)
	c.streams = [2]stream{newStream(c.number, client), newStream(c.number, target)}
	s.open[c.number] = c
	s.connect(c)
}

func (s *stage) connect(c *connection) {
	r, part := routes[c.plan.route], &c.plan.parts[client]
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
	s.newEnd(fd, client, r.tcp(client)).begin(c)
}

// happened implements handler: connections have come.
func (g *targetSocket) happened(uint32) {
	for {
		fd, _, err := unix.Accept4(g.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
		case unix.EINTR, unix.ECONNABORTED:
			continue
		case unix.EAGAIN:
			return
		default:
			g.fatal("accept4: %v", err)
		}
		e := g.newEnd(fd, target, targetKinds[g.kind].transport.IsTCP())
		e.kind = g.kind
		g.strangers[e] = struct{}{}
		if g.random.IntN(100) == 0 && g.clock.now > 0 {
			g.abrupt++
			if g.random.IntN(2) == 0 && !without("resets") {
				e.breakOff()
			} else {
				e.leave()
			}
		}
	}
}

// identify looks whose target an end is, without receiving anything yet.
func (e *end) identify() {
	var found [headerSize + identitySize]byte
	want := identitySize
	if e.setting.headers {
		want += headerSize
	}
	n, _, err := unix.Recvfrom(e.fd, found[:want], unix.MSG_PEEK)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR || err == nil && n > 0 && n < want && !e.ended:
		return
	case err != nil || n < want: // a client that has not said who it is
		e.dismiss()
		return
	}
	id := found[want-identitySize : want]
	number, ok := identified(id)
	if e.setting.headers && ok {
		ok = slices.Equal(found[:headerSize], formatHeader(claimed(e.claims(number))))
		_, err = unix.Read(e.fd, found[:headerSize])
	}
	if !ok || err != nil || number == 0 || number > e.last {
		e.stage.violated(violationForeign, nil, "one received %x (%v)", found[:want], err)
		e.dismiss()
		return
	}
	c := e.open[number]
	if c == nil || c.failed { // the client was done for long ago
		e.dismiss()
		return
	}
	delete(e.strangers, e)
	if c.ends[target] != nil {
		e.stage.violated(violationForeign, c, "it has reached its target twice")
		e.dismiss()
		return
	}
	c.moved = e.clock.now
	e.begin(c)
	if n := e.ofKind(c); n != e.kind {
		e.violated(violationForeign, "it has reached %s instead of %s", e.targets[e.kind].name, e.targets[n].name)
	}
}

func (e *end) ofKind(c *connection) int { return routes[c.plan.route].target }

// claims is the number of the plan that a client's header is of.
func (e *end) claims(number uint64) uint64 {
	if e.only > 0 {
		return e.only
	}
	return number
}

// dismiss takes what there is, and leaves.
func (e *end) dismiss() {
	for {
		n, err := unix.Read(e.fd, e.block)
		if n <= 0 && err != unix.EINTR {
			break
		}
	}
	e.leave()
}

// fatal ends the test for what is no violation.
func (s *stage) fatal(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf(format, args...)
}
