package forward

import (
	"os"

	"golang.org/x/sys/unix"
)

// Which descriptors connections leave to others, where those may run out.

const (
	// backlogBurst is how many clients may wait at a listener: the kernel's
	// net.core.somaxconn. A multishot accept may take them all in one go.
	backlogBurst = 4096
	// ownDescriptors is what the program needs for itself at start.
	ownDescriptors = 64
	// spareDescriptors are kept, beside one for each worker, for name lookups
	// and the service manager.
	spareDescriptors = 8
)

// errSpare stands for the kernel's refusal of a descriptor that we do not take.
var errSpare = os.NewSyscallError("the last descriptors are kept in reserve", unix.EMFILE)

// Spare returns an EMFILE if a new descriptor is one of the last, which connections
// leave to others. The kernel hands out the lowest number that is free, so the number
// tells how many are left.
func (p *Policy) Spare(fd int) error {
	if fd >= p.Limits.Descriptors-spareDescriptors-p.Workers {
		return errSpare
	}
	return nil
}

// SparePipe returns an EMFILE if a pipe, whose higher descriptor is fd, would take what
// connections may still need of which so many may yet come: a stream can do without.
func (p *Policy) SparePipe(fd, toCome int) error {
	if p.Limits.Descriptors > 0 && fd+1+p.Limits.each()*toCome > p.Limits.Descriptors-spareDescriptors-p.Workers {
		return errSpare
	}
	return nil
}

// SparePassed is Spare for descriptors that have been received.
func (p *Policy) SparePassed(passed []int) error {
	for _, fd := range passed {
		if err := p.Spare(fd); p.Limits.Descriptors > 0 && err != nil {
			return err
		}
	}
	return nil
}

// each is how many descriptors a connection may need.
func (l Limits) each() int { return 2 * (1 + l.Passed) }

// Tight tells that descriptors may run out before the connection limit is reached.
// Then a worker reserves a target's descriptor before it accepts the next client:
// many clients who wait for one, with nobody left to end, would wait for ever.
func (l Limits) Tight() bool {
	return l.Descriptors > 0 && l.each()*l.Connections > l.Descriptors-ownDescriptors-backlogBurst
}
