package torture

import (
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
)

// mostFiles is how many descriptors one message carries at most.
const mostFiles = 253

// pass is descriptors that an end has sent with the byte at an offset.
type pass struct {
	offset int64
	files  []uint64 // by their inodes
}

// files are descriptors that can be told apart, whoever has passed them.
type files struct {
	fds    []int
	inodes []uint64
}

// newFiles opens some more than one message may pass.
func newFiles(t *testing.T) (f files) {
	for range mostFiles + 50 {
		fd, err := unix.MemfdCreate("passed", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		inode, err := inodeOf(fd)
		if err != nil {
			t.Fatal(err)
		}
		f.fds, f.inodes = append(f.fds, fd), append(f.inodes, inode)
	}
	return f
}

func inodeOf(fd int) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Ino, err
}

// limitInFlight lets this process, and those that it starts, have as many descriptors as
// they may, and returns how many may be on their way at a time: so few that neither the
// kernel refuses more of them, which it does when as many of a user's are as a process may
// have (ETOOMANYREFS), nor the proxy has no room for those that it holds. What it does then
// is for cases of test/conformance.
func limitInFlight(t *testing.T) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return max(int(min(limit.Cur, 1<<20))/8, mostFiles)
}

// pass sends bytes, the first of them with descriptors. Those have gone with whatever part
// of the bytes the kernel takes.
func (e *end) pass(t *track) outcome {
	s := t.step()
	if t.moved > 0 {
		return e.transmit(t, int(s.bytes-t.moved), nil, 0)
	}
	if e.inFlight+s.files > e.mostInFlight {
		e.loop.after(5*time.Millisecond, e.advance)
		return waiting
	}
	first := int(e.sent*7+int64(e.of.number)) % (len(e.files.fds) - s.files)
	before := e.sent
	result := e.transmit(t, int(s.bytes), unix.UnixRights(e.files.fds[first:][:s.files]...), 0)
	if e.sent > before {
		e.passes = append(e.passes, pass{before, e.files.inodes[first:][:s.files]})
		e.inFlight += s.files
		e.account.passed += s.files
		figures.Count("descriptors", int64(s.files))
		e.note("has passed %d descriptors with byte %d", s.files, before)
	}
	return result
}

// receivePassing receives bytes, and checks the descriptors that come with the first of
// them. A call may return bytes that descriptors came with and others from before them, and
// does not tell which are which; so it never asks for both.
func (e *end) receivePassing(block []byte) (n int, err error) {
	var wanted []uint64
	if o := e.other(); o != nil && e.arrived < len(o.passes) {
		next := o.passes[e.arrived]
		if next.offset == e.got {
			wanted = next.files
		} else {
			block = block[:min(int64(len(block)), next.offset-e.got)]
		}
	}
	n, controlled, flags, _, err := unix.Recvmsg(e.fd, block, e.control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	came, err := inodesIn(e.control[:controlled])
	if err != nil || flags&unix.MSG_CTRUNC != 0 {
		e.fatal("receiving descriptors: flags %#x, %v", flags, err)
	}
	if n == 0 {
		wanted = nil // none comes with the end
	}
	if len(wanted) > 0 {
		e.arrived++
		e.inFlight -= len(wanted)
	}
	if !slices.Equal(came, wanted) {
		e.violated(violationDescriptor, "the %v received %d descriptors with byte %d, and %d were sent with it",
			e.who, len(came), e.got, len(wanted))
	}
	return n, nil
}

// inodesIn takes descriptors out of control data, and closes them.
func inodesIn(control []byte) (inodes []uint64, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			inode, err := inodeOf(fd)
			unix.Close(fd)
			if err != nil {
				return nil, err
			}
			inodes = append(inodes, inode)
		}
	}
	return inodes, nil
}

// abandon counts the descriptors of a connection that is over and that have not arrived.
func (s *stage) abandon(c *connection) {
	for _, e := range c.ends {
		if e == nil {
			continue
		}
		arrived := 0
		if o := e.other(); o != nil {
			arrived = o.arrived
		}
		for _, p := range e.passes[arrived:] {
			s.inFlight -= len(p.files)
		}
	}
}

// urgentOverUnix reports whether this kernel has urgent data over UNIX sockets.
var urgentOverUnix = sync.OnceValue(func() bool {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	return unix.Sendto(fds[0], []byte{0}, unix.MSG_OOB, nil) == nil
})
