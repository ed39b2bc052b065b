// Package uring is a thin typed layer over one io_uring: set-up, feature probe,
// operations, submission and waiting. It knows nothing about proxies.
//
// Invariants:
//   - A Ring belongs to the OS thread that made it (IORING_SETUP_SINGLE_ISSUER);
//     the caller locks its goroutine to that thread before New.
//   - Only this package and bufpool import giouring. giouring sets up the ring,
//     registers and prepares entries; this package handles head and tail of both
//     queues, because giouring keeps the SQ tail private and enters the kernel through
//     the Go scheduler, which costs a hand-off and two wake-ups for each wait.
//   - Memory that an SQE refers to (buffers, addresses, timespecs) stays put, off the
//     Go heap, until the operation's last CQE.
package uring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Kernel is the other side of the two queues: it consumes SQEs and posts CQEs
// when entered. The real one is io_uring_enter(2); a simulated one lets a test
// run unchanged production code with any interleaving of completions. It is
// called once for a batch, never for a single operation.
type Kernel interface {
	// Enter submits toSubmit entries and waits for minComplete completions.
	// A timeout of 0 waits for ever; a positive one ends the wait with
	// ETIME. It returns the number of entries consumed.
	Enter(toSubmit, minComplete uint32, timeout time.Duration) (consumed uint32, errno syscall.Errno)
}

// Config sizes a ring.
type Config struct {
	// Entries is the number of submission entries, a power of two. A batch of more
	// operations costs an extra system call.
	Entries uint32
	// CQEntries is the number of completion entries, a power of two. More
	// completions than that at once go through the kernel's overflow list.
	CQEntries uint32
	// Polled must be set for SubmitAndPoll: the kernel then flags in shared
	// memory that it has something to complete.
	Polled bool
}

// Ring is one io_uring, owned by one OS thread.
type Ring struct {
	kernel Kernel
	ring   *giouring.Ring // nil when simulated
	fd     int

	flags    uint32 // IORING_SETUP_* in force
	features uint32 // IORING_FEAT_* of the kernel

	sqHead, sqTail, sqFlags *uint32
	sqMask                  uint32
	sqes                    []SQE
	sqLocal                 uint32 // tail including entries not yet published
	unsubmitted             uint32 // published, not yet consumed by the kernel

	cqHead, cqTail *uint32
	cqDropped      *uint32 // nil when simulated
	cqMask         uint32
	cqes           []CQE

	mappings [][]byte
	fault    error // why the ring can no longer be used
	nowhere  SQE   // what next hands out after a fault

	// Stats counts what this ring did, for its owner to read.
	Stats Stats
}

// Stats are counts since the ring was made, written by its owner alone.
type Stats struct {
	Enters      uint64 // io_uring_enter calls
	Submissions uint64 // entries consumed by the kernel
	Completions uint64 // entries reaped
	Overflows   uint64 // times the completion queue was found to have overflowed
	SQFull      uint64 // times an entry had to wait for an extra submission
}

// requiredFeatures are the IORING_FEAT_* bits without which the engine cannot keep
// its promises, with their names for reports.
var requiredFeatures = []struct {
	bit         uint32
	name, since string
}{
	{giouring.FeatNoDrop, "IORING_FEAT_NODROP", "5.5"},
	{giouring.FeatSubmitStable, "IORING_FEAT_SUBMIT_STABLE", "5.5"},
	{giouring.FeatExtArg, "IORING_FEAT_EXT_ARG", "5.11"},
}

// New sets up a ring for the calling OS thread, with what the selection wants and
// the kernel has, and probes it for other features. The caller closes it, on the same
// thread. The error wraps the errno of io_uring_setup(2): ENOSYS and EPERM mean that
// io_uring is not available; an errors.ErrUnsupported names something that the engine
// needs and the kernel lacks.
func New(cfg Config, s Selection) (*Ring, Features, error) {
	if err := deadly(); err != nil {
		return nil, Features{}, err
	}
	features := newFeatures(s)
	ring, err := features.setup(cfg)
	if err != nil {
		return nil, Features{}, err
	}
	err = features.probe(ring, func(f *Feature) bool { return !f.atSetup() && (f.Default || s.wants(f)) })
	if err == nil {
		err = features.Missing()
	}
	if err != nil {
		ring.Close()
		return nil, Features{}, err
	}
	return ring, features, nil
}

// atSetup reports whether set-up shows if the kernel has a feature.
func (f *Feature) atSetup() bool {
	return f == FeatureSQPoll || f == FeatureDeferTaskrun || f == FeatureRestrictions
}

// setup sets up a ring with the best IORING_SETUP_* flags that are wanted and that
// the kernel accepts. It goes on without flags that the kernel has but lacks the means for.
func (f Features) setup(cfg Config) (*Ring, error) {
	for _, choice := range []struct {
		feature *Feature
		flags   uint32
	}{
		{FeatureSQPoll, giouring.SetupSQPoll},
		{FeatureDeferTaskrun, deferTaskrun},
	} {
		if !f.selection.wants(choice.feature) {
			continue
		}
		ring, err := f.open(cfg, choice.flags)
		if err == nil {
			f.present[choice.feature] = true
			return ring, nil
		}
		f.fail(choice.feature, err)
	}
	return f.open(cfg, giouring.SetupCoopTaskrun) // 5.19: no interrupt to run completions
}

// open sets up a ring with IORING_SETUP_* flags, restricted if that is wanted and
// possible.
func (f Features) open(cfg Config, flags uint32) (*Ring, error) {
	if f.selection.wants(FeatureRestrictions) {
		ring, err := setup(cfg, flags|giouring.SetupRDisabled)
		if err != nil {
			return nil, err
		}
		if err = ring.restrict(); err == nil {
			f.present[FeatureRestrictions] = true
			return ring, nil
		}
		f.failed[FeatureRestrictions] = err // whatever the error: every kernel with the rest has it
		ring.Close()
	}
	return setup(cfg, flags)
}

// fail records an error, unless it says that the kernel lacks the feature.
func (f Features) fail(feature *Feature, err error) {
	if !errors.Is(err, errors.ErrUnsupported) {
		f.failed[feature] = err
	}
}

// deferTaskrun are the flags of FeatureDeferTaskrun, which only work together.
const deferTaskrun = giouring.SetupSingleIssuer | giouring.SetupDeferTaskrun

// setup sets up a ring with IORING_SETUP_* flags in addition to those that every ring
// has.
func setup(cfg Config, flags uint32) (*Ring, error) {
	if cfg.Polled && flags&giouring.SetupSQPoll == 0 {
		flags |= giouring.SetupTaskrunFlag // 5.19
	}
	p := params{flags: flags | giouring.SetupCQSize | giouring.SetupClamp | giouring.SetupSubmitAll, cqEntries: cfg.CQEntries}
	p.sqThreadIdle = sqThreadIdle
	ring := giouring.NewRing()
	err := ring.QueueInitParams(cfg.Entries, (*giouring.Params)(unsafe.Pointer(&p)))
	if errors.Is(err, syscall.EINVAL) {
		return nil, &tooOld{"IORING_SETUP_COOP_TASKRUN", "5.19"}
	}
	if err != nil {
		return nil, fmt.Errorf("io_uring_setup: %w", err)
	}
	return adopt(ring, &p)
}

// sqThreadIdle is after how many milliseconds without work the kernel's
// submission thread (IORING_SETUP_SQPOLL) goes to sleep.
const sqThreadIdle = 50

// adopt maps the queues of a ring that giouring set up.
func adopt(ring *giouring.Ring, p *params) (*Ring, error) {
	r := &Ring{ring: ring, fd: ring.RingFd(), flags: p.flags, features: p.features}
	for _, f := range requiredFeatures {
		if p.features&f.bit == 0 {
			ring.QueueExit()
			return nil, &tooOld{f.name, f.since}
		}
	}
	if err := r.mapQueues(p); err != nil {
		r.Close()
		return nil, err
	}
	kernel, err := newSystemKernel(r.fd, r.features)
	if err != nil {
		r.Close()
		return nil, err
	}
	if err := r.limitThreads(); err != nil {
		r.Close()
		return nil, err
	}
	r.kernel = kernel
	r.mappings = append(r.mappings, kernel.memory)
	return r, nil
}

// ioThreads bounds the number of kernel threads, which run operations that need one. None
// of ours is known to; docs/kernel-claims.md lists some that did.
const ioThreads = 8

// limitThreads sets that bound (IORING_REGISTER_IOWQ_MAX_WORKERS, kernel 5.15). It does
// not use giouring's call, which passes 64-bit numbers.
func (r *Ring) limitThreads() error {
	bounds := [2]uint32{ioThreads, ioThreads} // for both kinds of work
	_, errno := r.ring.Register(r.fd, giouring.RegisterIOWQMaxWorkers, unsafe.Pointer(&bounds), 2)
	if errno != 0 {
		return fmt.Errorf("io_uring_register: bounding the kernel's threads: %w", errno)
	}
	return nil
}

// mapQueues maps SQ, CQ and the entries a second time, in addition to giouring's
// mapping. Every kernel with requiredFeatures has IORING_FEAT_SINGLE_MMAP (5.4), so one
// mapping holds both rings.
func (r *Ring) mapQueues(p *params) error {
	rings := max(
		int(p.sqOff.array)+int(p.sqEntries)*4,
		int(p.cqOff.cqes)+int(p.cqEntries)*int(unsafe.Sizeof(CQE{})))
	queues, err := r.mmap(offSQRing, rings)
	if err != nil {
		return err
	}
	entries, err := r.mmap(offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{})))
	if err != nil {
		return err
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&queues[offset])) }
	r.sqHead, r.sqTail, r.sqFlags = at(p.sqOff.head), at(p.sqOff.tail), at(p.sqOff.flags)
	r.sqMask = p.sqEntries - 1
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&entries[0])), p.sqEntries)
	r.cqHead, r.cqTail, r.cqDropped = at(p.cqOff.head), at(p.cqOff.tail), at(p.cqOff.overflow)
	r.cqMask = p.cqEntries - 1
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&queues[p.cqOff.cqes])), p.cqEntries)
	return nil
}

func (r *Ring) mmap(offset int64, length int) ([]byte, error) {
	mem, err := unix.Mmap(r.fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mapping the io_uring queues: %w", err)
	}
	r.mappings = append(r.mappings, mem)
	return mem, nil
}

// Close unmaps the queues and closes the ring; the kernel cancels what is in
// flight.
func (r *Ring) Close() {
	for _, m := range r.mappings {
		_ = unix.Munmap(m)
	}
	r.mappings = nil
	if r.ring != nil {
		r.ring.QueueExit()
		r.ring = nil
	}
}

// Registrar lets bufpool register buffers with this ring.
func (r *Ring) Registrar() *giouring.Ring { return r.ring }

// Dropped counts the completions that the kernel could not keep: with
// IORING_FEAT_NODROP only those for which it had no memory.
func (r *Ring) Dropped() uint32 {
	if r.cqDropped == nil {
		return 0
	}
	return atomic.LoadUint32(r.cqDropped)
}

// overflown reports whether completions are waiting in the kernel for room in the CQ.
func (r *Ring) overflown() bool {
	return atomic.LoadUint32(r.sqFlags)&giouring.SQCQOverflow != 0
}
