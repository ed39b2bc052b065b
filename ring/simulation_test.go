package ring

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/vsock"
	"uring-socket-proxyd/internal/wheel"
	"uring-socket-proxyd/ring/uring"
)

// simulation is a kernel made of a seed: it takes the worker's submissions and
// completes them in any order, in pieces, with errors, while remote peers write,
// end or reset their streams. It implements uring.Kernel, sockets and
// bufpool.Registrar, and fails the test on what a real kernel would punish:
// closing a descriptor twice, or with operations in flight.
type simulation struct {
	t      *testing.T
	rng    *rand.Rand
	queues uring.Queues
	worker *worker

	sockets    map[int]*simSocket
	nextFD     int
	inFlight   []*simOp
	backlog    []uring.CQE // completions that found the queue full
	clients    int         // clients still to come
	noSplice   int         // how many of 100 sockets have no splice
	finished   []uint64    // user data of operations that have completed for good
	badHeaders int         // clients reset for theirs
	late       int         // completions posted of operations that are long over
	connected  []*simPair
	steps      int
	stopAt     int  // the step at which the engine is stopped at the latest
	lingering  bool // most connections become half-open, and stay so
	stopping   bool
	stopped    bool // ... before all was done
	limit      bool // the kernel bounds a multishot recv
	simPassing
	lies     map[string]int      // told so far: see simulation_lies_test.go
	jumped   wheel.Tick          // by which the clock is ahead of the steps
	seenIdle map[*simSocket]bool // by checkIdleTimeouts
	timedOut uint64              // of the worker's counter, as far as it was looked at
	refused  uint64              // clients that the worker has closed at the limit
	unfreed  []*simSocket        // closed by the batch at hand

	buffers    *giouring.BufAndRing
	bufferMask uint16
	bufferHead uint16
}

// simPair is one connection as the remote ends see it.
type simPair struct {
	client, target *simSocket
	refused        bool // descriptors of it could not be passed on
}

// simSocket is our end of a stream to a remote peer.
type simSocket struct {
	fd int
	simMarks
	simState
	noSplice bool // is of a kind that has no splice
	most     int  // bytes that the peer writes at a time
	atMark   bool // stands at urgent data, which a recv passes and a splice does not
	blocking bool // a splice that would wait does
	pair     *simPair
	header   []byte                  // what a client begins with
	told     proxyprotocol.Addresses // by that
	bad      bool                    // ... which is no header
	named    proxyprotocol.Addresses // as the worker was told last
	toCome   []byte                  // what the peer will still write
	written  []byte                  // all it has written
	incoming []byte                  // ... and we have not received
	ends     ending
	got      []byte
	linger   bool // close resets
	closed   bool
	stuck    int    // steps for which the peer takes nothing
	early    []byte // what came with the connect that is under way
	failed   syscall.Errno
	peeked   int // bytes of incoming that have been seen

	extensions []byte // by the header, which are passed on
}

// firstFD is above all descriptors that are real.
const firstFD = 1 << 20

// forever is how long some peers take nothing: until nobody else has anything
// left to do.
const forever = 1 << 30

type ending uint8

const (
	endsClean ending = iota
	endsReset
	endsLast  // when its peer has ended, as a server that waits for more
	endsNever // until nobody else has anything left to do
	endsGone  // closes altogether, on a UNIX socket
)

// simOp is an operation in flight.
type simOp struct {
	uring.SQE
	told      syscall.Errno        // a send: the error that it has taken, and not told yet
	deaf      bool                 // a multishot recv: never tells of the reset
	last      int16                // a multishot poll: what it has told last
	left      uint32               // bytes a bounded recv may still take
	taken     *giouring.BufAndRing // the buffer that a recv has taken
	cancelled bool
}

// RegisterBufferRing implements bufpool.Registrar.
func (s *simulation) RegisterBufferRing(reg *giouring.BufReg, _ uint32) (uint, error) {
	s.buffers = (*giouring.BufAndRing)(pointer(reg.RingAddr))
	s.bufferMask = uint16(reg.RingEntries - 1)
	return 0, nil
}

// pointer is an address that the worker has passed to the kernel.
func pointer(addr uint64) unsafe.Pointer {
	p := uintptr(addr)
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

// Enter implements uring.Kernel.
func (s *simulation) Enter(toSubmit, minComplete uint32, timeout time.Duration) (uint32, syscall.Errno) {
	s.checkIdleTimeouts()
	consumed := uint32(0)
	for ; consumed < toSubmit; consumed++ {
		sqe, ok := s.queues.Take()
		if !ok {
			break
		}
		s.submit(sqe)
	}
	s.freeClosed()
	for len(s.backlog) > 0 && s.queues.Post(s.backlog[0]) {
		s.backlog = s.backlog[1:]
	}
	began := s.clock()
	for i := 0; s.queues.Ready() < int(minComplete) || (minComplete > 0 && s.rng.IntN(4) > 0); i++ {
		s.steps++
		s.step()
		if i > 100_000 || s.steps > 2_000_000 {
			s.dump()
			s.t.Fatal("the connections do not come to an end")
		}
		if late := time.Duration(s.clock()-began) * time.Millisecond; timeout > 0 && late >= timeout && s.queues.Ready() == 0 {
			if consumed > 0 {
				return consumed, 0 // as the kernel does
			}
			return 0, syscall.ETIME
		}
	}
	return consumed, 0
}

// clock is the simulated time.
func (s *simulation) clock() wheel.Tick { return wheel.Tick(s.steps/8) + s.jumped }

func (s *simulation) dump() {
	s.t.Logf("live %d, in line %d, buffers %d, stopping %v", s.worker.InUse(), s.worker.scarcity.line.Len(), s.worker.pool.Available(), s.stopping)
	for _, c := range s.worker.transfers {
		if c.State != connection.Free {
			s.t.Logf("slot %d state %d in flight %d\n to target %+v\n to client %+v", c.Slot, c.State, c.inFlight, c.toTarget, c.toClient)
		}
	}
	for _, op := range s.inFlight {
		s.t.Logf("in flight: %v %+v", userData(op.UserData).operation(), op)
	}
}

func (s *simulation) post(op *simOp, result int32, flags uint32) {
	cqe := uring.CQE{UserData: op.UserData, Res: result, Flags: flags}
	if len(s.backlog) > 0 || !s.queues.Post(cqe) {
		s.backlog = append(s.backlog, cqe)
	}
}

// finish posts an operation's last completion.
func (s *simulation) finish(op *simOp, result int32, flags uint32) {
	for i, other := range s.inFlight {
		if other == op {
			s.inFlight = append(s.inFlight[:i], s.inFlight[i+1:]...)
		}
	}
	s.post(op, result, flags)
	s.finished = append(s.finished, op.UserData)
}

// nextBuffer is the provided buffer that the kernel would fill next, if there is one.
func (s *simulation) nextBuffer() (*giouring.BufAndRing, bool) {
	entries := unsafe.Slice(s.buffers, int(s.bufferMask)+1)
	return &entries[s.bufferHead&s.bufferMask], s.bufferHead != entries[0].Tail
}

func (s *simulation) submit(sqe uring.SQE) {
	switch sqe.OpCode {
	case giouring.OpAsyncCancel:
		s.cancel(sqe)
	case giouring.OpClose:
		s.close(int(sqe.Fd))
		s.unfreed = append(s.unfreed, s.sockets[int(sqe.Fd)])
	default:
		if sqe.OpCode == giouring.OpConnect {
			s.checkLimit()
		}
		s.inFlight = append(s.inFlight, &simOp{SQE: sqe, left: uint32(sqe.SpliceFdIn)})
	}
}

func (s *simulation) cancel(sqe uring.SQE) {
	for _, op := range s.inFlight {
		if op.UserData == sqe.Addr && s.rng.IntN(5) == 0 {
			break // missed: it is about to be tried again
		}
		if op.UserData == sqe.Addr {
			op.cancelled = true // the completion may take its time
			s.post(&simOp{SQE: sqe}, 0, 0)
			return
		}
	}
	s.post(&simOp{SQE: sqe}, -int32(unix.ENOENT), 0)
}

func (s *simulation) close(fd int) {
	socket := s.sockets[fd]
	if socket == nil || socket.closed {
		s.t.Fatalf("descriptor %d closed twice", fd)
	}
	socket.closed = true
	s.checkIdle(fd)
	s.countRefused(socket)
}

// step lets one thing happen: to an operation in flight, or to a remote peer.
func (s *simulation) step() {
	if len(s.connected) > 0 && s.rng.IntN(2) == 0 {
		pair := s.connected[s.rng.IntN(len(s.connected))]
		s.peer(pair.client)
		if pair.target != nil {
			s.peer(pair.target)
		}
	}
	if len(s.inFlight) > 0 {
		s.progress(s.inFlight[s.rng.IntN(len(s.inFlight))])
	}
	if s.rng.IntN(32) == 0 {
		s.haunt()
	}
	s.closeSome()
	s.jump()
	if s.steps%64 == 0 {
		s.unstick()
		s.checkBounds()
		s.mayStop()
	}
}

// mayStop ends the worker: when all is done, or in some runs right in the middle.
func (s *simulation) mayStop() {
	switch {
	case s.stopping:
	case s.worker.Mode == connection.Stopping: // as all that are there are dormant
		s.stopping, s.stopped = true, true
	case s.quiet(), s.steps > s.stopAt:
		s.stopping = true
		s.stopped = !s.quiet()
		s.worker.Crew.Stop()
	case s.rng.IntN(200) == 0:
		s.worker.Crew.StopIfIdle()
	}
}

// progress does some, or all, of an operation.
func (s *simulation) progress(op *simOp) {
	if op.cancelled && op.told == 0 && s.rng.IntN(4) == 0 {
		s.finish(op, -int32(unix.ECANCELED), op.bufferFlags())
		return
	}
	switch op.OpCode {
	case giouring.OpAccept:
		s.accept(op)
	case giouring.OpConnect:
		s.connect(op)
	case giouring.OpRecv:
		s.recv(op)
	case giouring.OpSend:
		s.send(op)
	case giouring.OpPollAdd:
		s.poll(op)
	case giouring.OpTimeout:
		s.finish(op, -int32(unix.ETIME), 0)
	case giouring.OpRead: // the eventfd of the inbox
		if s.worker.Box.Pending() {
			s.finish(op, 8, 0)
		}
	}
}

func (s *simulation) accept(op *simOp) {
	switch {
	case s.stopping || s.clients == 0 || s.rng.IntN(10) > 0:
	case s.rng.IntN(20) == 0:
		s.finish(op, -int32(unix.EMFILE), 0)
	case s.rng.IntN(20) == 0:
		s.finish(op, -int32(unix.ECONNABORTED), 0)
	default:
		s.clients--
		s.comeLate()
		pair := &simPair{}
		pair.client = s.socketOf(pair, s.worker.Policy.Routes[0].Listener.Family == unix.AF_UNIX)
		s.greet(pair.client)
		if pair.client.ends == endsReset && s.rng.IntN(3) == 0 {
			s.lie("a client that is gone when it is accepted")
			pair.client.breakOff()
		}
		s.connected = append(s.connected, pair)
		flags := giouring.CQEFMore
		if s.rng.IntN(20) == 0 {
			flags = 0
			s.finish(op, int32(pair.client.fd), 0)
			return
		}
		s.post(op, int32(pair.client.fd), flags)
	}
}

func (s *simulation) socket(pair *simPair) *simSocket { return s.socketOf(pair, false) }

func (s *simulation) socketOf(pair *simPair, onUNIX bool) *simSocket {
	s.nextFD++
	p := &simSocket{fd: s.nextFD, noSplice: s.rng.IntN(100) < s.noSplice, blocking: true, most: []int{3000, 3000, 200}[s.rng.IntN(3)], pair: pair, toCome: s.someNoise()}
	p.unix = onUNIX
	p.ends = []ending{endsClean, endsClean, endsReset, endsLast, endsNever, endsGone}[s.rng.IntN(6)]
	if p.ends == endsGone && !onUNIX {
		p.ends = endsReset
	}
	switch {
	case s.lingering && s.rng.IntN(3) > 0:
		p.ends, p.toCome = endsNever, p.toCome[:min(len(p.toCome), 500)]
		if pair != nil { // a client
			p.ends = endsClean
		}
	case s.rng.IntN(4) == 0:
		p.stuck = forever
	}
	s.addMarks(p)
	s.sockets[p.fd] = p
	return p
}

// noise is what peers write from, each from a place of its own: to draw each byte anew would
// take longer than all the rest.
var noise = func() []byte {
	bytes := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(bytes)
	return bytes
}()

func (s *simulation) someNoise() []byte {
	n, from := s.rng.IntN([]int{60000, 60000, 500}[s.rng.IntN(3)]), s.rng.IntN(len(noise)-60000)
	return noise[from : from+n : from+n]
}

func (s *simulation) connect(op *simOp) {
	p := s.sockets[int(op.Fd)]
	if p.unix {
		s.t.Fatal("a connect to a UNIX socket holds a thread")
	}
	switch s.rng.IntN(8) {
	case 0, 1:
		s.finish(op, -int32(unix.ECONNREFUSED), 0)
	case 2:
		s.finish(op, -int32(unix.ECANCELED), 0) // for want of a thread
	default:
		s.reach(op, p)
		s.finish(op, 0, 0)
	}
}

func (s *simulation) recv(op *simOp) {
	p := s.sockets[int(op.Fd)]
	multishot := op.IoPrio&giouring.RecvMultishot != 0
	switch {
	case s.limit && op.SpliceFdIn == 0 && multishot:
		s.t.Fatal("a recv without bound")
	case p.unix && multishot:
		s.t.Fatal("a multishot recv on a UNIX socket")
	case op.deaf:
	case !multishot && op.taken == nil && s.rng.IntN(30) == 0:
		s.takeBuffer(op)
	case op.taken != nil && s.rng.IntN(100) == 0:
		s.finish(op, -int32(unix.EINTR), op.bufferFlags())
	case len(p.incoming) > 0:
		s.fill(op, p)
	default:
		if errno, over := s.over(p, "recv"); over {
			s.finish(op, -int32(errno), op.bufferFlags())
		}
	}
}

// takeBuffer has a thread of the kernel's run a recv, which takes a buffer and then waits.
func (s *simulation) takeBuffer(op *simOp) {
	if s.pick(op) {
		s.lie("a recv that has taken a buffer and waits")
	}
}

// pick gives an operation the next provided buffer, if there is one.
func (s *simulation) pick(op *simOp) bool {
	entry, ok := s.nextBuffer()
	if ok {
		taken := *entry // the worker may write to its place
		op.taken = &taken
		s.bufferHead++
	}
	return ok
}

// bufferFlags tell of the buffer that an operation has taken.
func (op *simOp) bufferFlags() uint32 {
	if op.taken == nil {
		return 0
	}
	return uint32(op.taken.Bid)<<16 | giouring.CQEFBuffer
}

// fill receives into the next provided buffer.
func (s *simulation) fill(op *simOp, p *simSocket) {
	if op.taken == nil && !s.pick(op) {
		s.finish(op, -int32(unix.ENOBUFS), 0)
		return
	}
	entry, flags := op.taken, op.bufferFlags()
	op.taken = nil // a multishot recv takes another for the next piece
	n := min(uint32(len(p.incoming)), entry.Len)
	if op.IoPrio&giouring.RecvMultishot == 0 {
		n = min(n, op.Len)
	} else if s.limit {
		n = min(n, op.left)
		op.left -= n
	}
	p.atMark = false
	copy(unsafe.Slice((*byte)(pointer(entry.Addr)), n), p.incoming[:n])
	p.incoming = p.incoming[n:]
	if op.IoPrio&giouring.RecvMultishot == 0 || s.limit && op.left == 0 || s.rng.IntN(50) == 0 {
		s.finish(op, int32(n), flags)
		return
	}
	s.post(op, int32(n), flags|giouring.CQEFMore)
	s.deafen(op, p)
}

// The calls outside the ring.

func (s *simulation) Open(family, flags int) (int, error) {
	if s.rng.IntN(20) == 0 {
		return connection.NoFD, unix.EMFILE
	}
	p := s.socketOf(nil, family == unix.AF_UNIX)
	p.blocking = flags&unix.SOCK_NONBLOCK == 0
	return p.fd, nil
}
func (s *simulation) ConnectVSOCK(int, vsock.Address) syscall.Errno { panic("no target is over VSOCK") }
func (s *simulation) Reserve(int) (int, error)                      { return s.Open(0, 0) }
func (s *simulation) Tune(fd, family int)                           {}
func (s *simulation) Pending(fd int) bool                           { return len(s.sockets[fd].incoming) > 0 }
func (s *simulation) Close(fd int) {
	s.close(fd)
	s.sockets[fd].freed = true
}
func (s *simulation) ResetOnClose(fd int)  { s.sockets[fd].linger = true }
func (s *simulation) ShutdownWrite(fd int) { s.sockets[fd].shutdown = true }
