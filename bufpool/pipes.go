package bufpool

import (
	"os"

	"golang.org/x/sys/unix"
)

// Pipe is a kernel buffer for splice(2), with both ends non-blocking.
type Pipe struct {
	Read, Write int // descriptors, owned by the Pipe
	Size        int // bytes that it can hold in full pages; many small pieces fill it earlier
}

// Pipes hands out empty pipes and keeps a few idle ones for reuse.
type Pipes struct {
	size  int
	keep  int
	spare func(fd int) error
	free  []*Pipe
}

// MaxPipe is the largest size of a pipe in bytes: by default the kernel allows more only
// to root (pipe-max-size in proc_sys_fs(5)).
const MaxPipe = 1 << 20

// NewPipes returns a pool of pipes of size bytes, at most MaxPipe, that keeps up to
// keep idle ones. spare refuses a pipe whose higher descriptor is needed for something
// else.
func NewPipes(size, keep int, spare func(fd int) error) *Pipes {
	return &Pipes{size: min(size, MaxPipe), keep: keep, spare: spare}
}

// Get returns an empty pipe, if its descriptors can be spared. A user above
// pipe-user-pages-soft gets smaller pipes (pipe(7)), and goes on with those.
func (p *Pipes) Get() (*Pipe, error) {
	pipe, err := p.get()
	if err != nil {
		return nil, err
	}
	if err := p.spare(max(pipe.Read, pipe.Write)); err != nil {
		p.Discard(pipe)
		return nil, err
	}
	return pipe, nil
}

func (p *Pipes) get() (*Pipe, error) {
	if n := len(p.free); n > 0 {
		pipe := p.free[n-1]
		p.free = p.free[:n-1]
		return pipe, nil
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	pipe := &Pipe{Read: ends[0], Write: ends[1]}
	size, err := unix.FcntlInt(uintptr(pipe.Write), unix.F_SETPIPE_SZ, p.size)
	if err != nil {
		size, err = unix.FcntlInt(uintptr(pipe.Write), unix.F_GETPIPE_SZ, 0)
	}
	if err != nil {
		p.Discard(pipe)
		return nil, os.NewSyscallError("fcntl", err)
	}
	pipe.Size = size
	return pipe, nil
}

// Put takes an empty pipe back.
func (p *Pipes) Put(pipe *Pipe) {
	if len(p.free) == p.keep {
		p.Discard(pipe)
		return
	}
	p.free = append(p.free, pipe)
}

// Discard closes a pipe that may still hold bytes.
func (p *Pipes) Discard(pipe *Pipe) {
	unix.Close(pipe.Read)
	unix.Close(pipe.Write)
}

// Idle returns the number of pipes kept for reuse.
func (p *Pipes) Idle() int { return len(p.free) }

// Drop closes the idle pipes and reports whether there were any: when descriptors run
// out, they are needed elsewhere.
func (p *Pipes) Drop() bool {
	for _, pipe := range p.free {
		p.Discard(pipe)
	}
	dropped := len(p.free) > 0
	p.free = nil
	return dropped
}
