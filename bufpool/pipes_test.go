package bufpool

import (
	"testing"

	"golang.org/x/sys/unix"
)

func open(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func TestPipesAreReusedAndBounded(t *testing.T) {
	p := NewPipes(1<<16, 1, all)
	first, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if first.Size < 4096 || first.Size > 1<<16 {
		t.Errorf("a pipe of %d bytes was asked for, and holds %d", 1<<16, first.Size)
	}
	p.Put(first)
	p.Put(second) // one too many to keep
	if p.Idle() != 1 || open(second.Read) || open(second.Write) {
		t.Errorf("%d pipes are kept; the second is open: %v", p.Idle(), open(second.Read))
	}
	if again, err := p.Get(); err != nil || again != first {
		t.Errorf("the kept pipe was not handed out again: %v", err)
	}
	p.Discard(first)
	if open(first.Read) || open(first.Write) {
		t.Error("a discarded pipe is still open")
	}
	p.Drop()
}

// TestPipeLargerThanAllowed asks for more than pipe-max-size lets an unprivileged
// user have; whoever runs this, there must be a pipe.
func TestPipeLargerThanAllowed(t *testing.T) {
	p := NewPipes(1<<31-4096, 0, all)
	pipe, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Discard(pipe)
	if pipe.Size < 4096 {
		t.Errorf("the pipe holds %d bytes", pipe.Size)
	}
}

// all may be used.
func all(int) error { return nil }
