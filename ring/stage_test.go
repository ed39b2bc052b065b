package ring

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/crew"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/target"
	"uring-socket-proxyd/ring/uring"
	"uring-socket-proxyd/test/lib/figures"
)

// patience is how long anything that must happen may take.
const patience = 20 * time.Second

// stage is an engine of one worker on the real kernel, in this process, between
// clients and a target that echoes.
type stage struct {
	*Engine
	t       *testing.T
	gate    *crew.Gate
	address string
	before  int // descriptors
	ended   chan error
	target  *echoServer

	injected func() bool // a fault has been injected
}

// stageWith are the ways in which stages differ.
type stageWith struct {
	size      uring.Config // of the ring; zero for the usual
	limits    forward.Limits
	selection Selection
	hired     func(*worker)
}

// newStage starts an engine. It is ended with the test.
func newStage(t *testing.T, with stageWith) *stage {
	t.Helper()
	s := &stage{t: t, ended: make(chan error, 1), target: newEchoServer(t)}
	listener, err := activation.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	to, err := target.Parse(s.target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if with.limits == (forward.Limits{}) {
		with.limits = forward.Limits{Connections: 1000, BufferSize: 256 << 10, PoolSize: 1 << 20}
	}
	if with.size == (uring.Config{}) {
		with.size = ringSize
	}
	s.address = listener.Address
	policy := &forward.Policy{
		Routes:  []forward.Route{{Listener: listener, Target: to}},
		Limits:  with.limits,
		Workers: 1,
	}
	log := slog.New(slog.DiscardHandler)
	s.gate = crew.NewGate(with.limits.Connections, nil)
	services := &crew.Services{Log: log, Reports: report.New(log, policy), Gate: s.gate}
	s.Engine, err = newEngine(policy, services, with.selection, with.size, with.hired)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("no io_uring here: %s", Refusal(err))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.before = descriptors(t)
	go func() { s.ended <- s.Run() }()
	t.Cleanup(func() {
		s.Stop()
		s.await()
	})
	return s
}

// await returns what the engine ended with.
func (s *stage) await() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err // for whoever asks next
		return err
	case <-time.After(patience):
		s.t.Fatal("the engine does not end")
		return nil
	}
}

// dial connects a client to the engine; that fails if the engine resets it at once.
func (s *stage) dial() (*net.TCPConn, error) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	figures.Count("connections", 1)
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), nil
}

// echo sends data through a client and reads it back.
func echo(c net.Conn, data []byte) error {
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		sent <- err
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != string(data) {
		return errAltered
	}
	return <-sent
}

var errAltered = errors.New("the bytes came back altered")

// settled waits until so many connections are left, and no descriptor of the others.
func (s *stage) settled(connections int) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		// Each has four ends in this process; an idle worker may keep pipes.
		extra := descriptors(s.t) - s.before - 4*connections
		if s.gate.Current() == connections && extra <= 2*connection.KeepPipes {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d connections and %d descriptors are left, want %d and none", s.gate.Current(), extra, connections)
		}
	}
}

// awaitInjected waits until a fault has been injected.
func (s *stage) awaitInjected() {
	s.t.Helper()
	for end := time.Now().Add(patience); !s.injected(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("no fault is injected")
		}
	}
}

// echoServer is a target that sends everything back, and then ends too, unless it is
// held.
type echoServer struct {
	net.Listener
	conns sync.WaitGroup
	mu    sync.Mutex
	free  chan struct{} // closed when it is not held
	held  chan struct{} // one for each connection that is
}

// hold makes connections stay whose peer has ended, or lets them go.
func (s *echoServer) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.free:
		if on {
			s.free = make(chan struct{})
		}
	default:
		if !on {
			close(s.free)
		}
	}
}

// awaitHeld waits until a connection is held.
func (s *echoServer) awaitHeld() { <-s.held }

func (s *echoServer) wait() {
	s.mu.Lock()
	free := s.free
	s.mu.Unlock()
	select {
	case <-free:
	default:
		s.held <- struct{}{}
		<-free
	}
}

func newEchoServer(t *testing.T) *echoServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &echoServer{Listener: l, free: make(chan struct{}), held: make(chan struct{}, 16)}
	close(s.free)
	s.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() {
				defer c.Close()
				io.Copy(c, struct{ io.Reader }{c})
				s.wait()
			})
		}
	})
	t.Cleanup(func() { l.Close() })
	return s
}
