package uring

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// opcode probes an operation with IORING_REGISTER_PROBE.
func opcode(op uint8) func(*prober) (bool, error) {
	return func(p *prober) (bool, error) {
		ops, err := p.ring.ring.GetProbeRing()
		if err != nil {
			return false, err
		}
		return ops.IsSupported(op), nil
	}
}

// setupFlag probes IORING_SETUP_* flags by setting up a ring with them.
func setupFlag(flags uint32) func(*prober) (bool, error) {
	return func(*prober) (bool, error) {
		ring, err := setup(Config{Entries: 1, CQEntries: 2}, flags)
		if err == nil {
			ring.Close()
		}
		return answer(err)
	}
}

// answer turns the error of a trial into an answer: without an error the kernel has the
// feature, and with one that says so it lacks the feature. Any other error, such as a lack
// of memory, says nothing.
func answer(err error) (bool, error) {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return false, nil
	}
	return err == nil, err
}

// featureBit probes an IORING_FEAT_* bit that the kernel reports at set-up.
func featureBit(bit uint32) func(*prober) (bool, error) {
	return func(p *prober) (bool, error) { return p.ring.features&bit != 0, nil }
}

// ProbeAll tries every feature, even those that are not used, on a small ring of its own.
// The calling goroutine must be locked to its thread.
func ProbeAll() (Features, error) {
	if err := deadly(); err != nil {
		return Features{}, err
	}
	// A restricted ring could not be probed for other features.
	features := newFeatures(Selection{FeatureRestrictions.Toggle: false})
	ring, err := features.setup(Config{Entries: 8, CQEntries: 16})
	if err != nil {
		return Features{}, err
	}
	defer ring.Close()
	features.selection = nil
	return features, features.probe(ring, func(*Feature) bool { return true })
}

// probe tries the wanted features on a ring, except those known to be there. A failure to
// try one is recorded.
func (f Features) probe(ring *Ring, wanted func(*Feature) bool) error {
	p, err := newProber(ring)
	if err != nil {
		return err
	}
	defer p.close()
	for _, feature := range Probed {
		if f.present[feature] || !wanted(feature) {
			continue
		}
		has, err := feature.probe(p)
		delete(f.failed, feature)
		if err != nil {
			f.failed[feature] = fmt.Errorf("probing %s: %w", feature.Name, err)
		}
		f.present[feature] = has
	}
	ring.Stats = Stats{}
	return nil
}

// prober is what the probes work with.
type prober struct {
	ring   *Ring // not owned
	pair   [2]int
	memory []byte // a page for the buffer ring, a page of buffers

	// What boundedRecv has found. As it receives with a multishot recv into a
	// buffer ring, it answers for those features too, which saves time at start-up.
	tried, bounded bool
}

const proberGroup = 1

func newProber(ring *Ring) (p *prober, err error) {
	p = &prober{ring: ring, pair: [2]int{-1, -1}}
	if p.memory, err = unix.Mmap(-1, 0, 2*unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err == nil {
		p.pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("probing io_uring: %w", err)
	}
	return p, nil
}

func (p *prober) close() {
	for _, fd := range p.pair {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if p.memory != nil {
		_ = unix.Munmap(p.memory)
	}
}

// register registers a buffer ring with one or two small buffers.
func (p *prober) register(flags uint16) (bool, error) {
	reg := giouring.BufReg{RingAddr: uint64(uintptr(unsafe.Pointer(&p.memory[0]))), RingEntries: 2, Bgid: proberGroup, Pad: flags}
	_, err := p.ring.ring.RegisterBufferRing(&reg, 0)
	return answer(err)
}

func (p *prober) bufferRing() (bool, error) {
	if bounded, err := p.boundedRecv(); bounded || err != nil {
		return bounded, err
	}
	has, err := p.register(0)
	if has {
		_, err = p.ring.ring.UnregisterBufferRing(proberGroup)
	}
	return has, err
}

func (p *prober) incrementalBuffers() (bool, error) {
	const flagIncremental = 2 // IOU_PBUF_RING_INC
	has, err := p.register(flagIncremental)
	if has {
		_, err = p.ring.ring.UnregisterBufferRing(proberGroup)
	}
	return has, err
}

// boundedRecv reports whether the kernel can bound a multishot recv.
func (p *prober) boundedRecv() (has bool, err error) {
	if !p.tried {
		p.bounded, err = p.recvMultishot(1)
		p.tried = err == nil
	}
	return p.bounded, err
}

func (p *prober) unboundedRecv() (bool, error) {
	if bounded, err := p.boundedRecv(); bounded || err != nil {
		return bounded, err
	}
	return p.recvMultishot(0)
}

// recvMultishot receives one byte with a multishot recv, bounded if limit is not
// 0. A kernel that lacks this answers EINVAL.
func (p *prober) recvMultishot(limit uint32) (bool, error) {
	if has, err := p.register(0); !has {
		return false, err
	}
	defer func() { _, _ = p.ring.ring.UnregisterBufferRing(proberGroup) }()
	buffers := (*giouring.BufAndRing)(unsafe.Pointer(&p.memory[0]))
	buffers.BufRingInit()
	for id := range uint16(2) {
		buffers.BufRingAdd(uintptr(unsafe.Pointer(&p.memory[unix.Getpagesize()+int(id)*64])), 64, id, 1, 0)
		buffers.BufRingAdvance(1)
	}
	if _, err := unix.Write(p.pair[1], []byte{0}); err != nil {
		return false, err
	}
	p.ring.RecvMultishot(p.pair[0], proberGroup, limit, 1)
	first, err := p.wait()
	if err != nil {
		return false, err
	}
	if errno := first.Errno(); errno != 0 {
		// Take the byte that the failed recv has left behind.
		if _, err := unix.Read(p.pair[0], make([]byte, 1)); err != nil {
			return false, err
		}
		return answer(errno)
	}
	if first.More() {
		if _, err := p.cancel(1); err != nil {
			return false, err
		}
	}
	// A multishot recv goes on after a piece; a bounded one ends at its limit.
	return first.More() == (limit == 0), nil
}

// acceptMultishot starts a multishot accept on a listening socket and cancels it;
// a kernel that lacks it answers EINVAL instead.
func (p *prober) acceptMultishot() (bool, error) {
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(listener)
	// With an empty name the kernel chooses an abstract one (unix(7), autobind).
	if err := unix.Bind(listener, &unix.SockaddrUnix{}); err != nil {
		return false, err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return false, err
	}
	p.ring.AcceptMultishot(listener, 1)
	last, err := p.cancel(1)
	if err != nil || last.Errno() == syscall.ECANCELED {
		return err == nil, err
	}
	return answer(last.Errno())
}

// cancel cancels an operation and returns its last completion.
func (p *prober) cancel(userData uint64) (last Completion, err error) {
	p.ring.Cancel(userData, userData+1)
	for range 2 { // one of the operation and one of the cancel
		completion, err := p.wait()
		if err != nil {
			return Completion{}, err
		}
		if completion.UserData == userData {
			last = completion
		}
	}
	return last, nil
}

// wait returns the next completion.
func (p *prober) wait() (Completion, error) {
	for p.ring.ready() == 0 {
		if err := p.ring.SubmitAndWait(Forever); err != nil {
			return Completion{}, err
		}
	}
	return p.ring.pop(), nil
}
