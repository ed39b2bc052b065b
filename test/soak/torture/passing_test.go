package torture

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/figures"
)

// pass is descriptors that an end has sent, with the byte at an offset.
type pass struct {
	offset int64
	files  []uint64 // by their inodes
}

// files are descriptors that can be told apart, whoever has passed them.
type files struct {
	fds    []int
	inodes []uint64
}

// newFiles opens more than one message may pass.
func newFiles(t *testing.T) (f files) {
	for range 300 {
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

// pass sends bytes, the first of them with descriptors. They have gone with whatever
// part of the bytes the kernel takes.
func (e *end) pass(t *track) outcome {
	s := t.step()
	if t.moved > 0 {
		return e.transmit(t, int(s.bytes-t.moved), nil, 0)
	}
	if !e.mayPass(s.files) {
		e.loop.after(5*time.Millisecond, e.advance)
		return waiting
	}
	first := int(e.sent*7+int64(e.of.number)) % (len(e.files.fds) - s.files)
	fds, inodes := e.files.fds[first:][:s.files], e.files.inodes[first:][:s.files]
	before := e.sent
	result := e.transmit(t, int(s.bytes), unix.UnixRights(fds...), 0)
	if e.sent > before {
		e.passes = append(e.passes, pass{before, inodes})
		e.account.passed += s.files
		e.inFlight += s.files
		figures.Count("descriptors", int64(s.files))
		e.note("has passed %d descriptors with byte %d", s.files, before)
	}
	return result
}

// mayPass tells whether more descriptors may be on their way. The kernel bounds those of a
// user by how many a process may have (ETOOMANYREFS), and the proxy must have room for what
// it holds.
func (s *stage) mayPass(files int) bool { return s.inFlight+files <= s.mostInFlight }

// lost tells that the descriptors that an end has passed and the other one has not received
// will not arrive any more.
func (s *stage) lost(c *connection) {
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

// limitDescriptors lets this process, and those that it starts, have as many as they may.
func limitDescriptors() (most int, err error) {
	var limit unix.Rlimit
	if err = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = min(limit.Max, 1<<20)
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	return int(limit.Cur), err
}

// receivePassing receives bytes, and checks the descriptors that come with the first of
// them. A call may return bytes with descriptors and others from before them, and does
// not tell which are which; so it never asks for bytes of both.
func (e *end) receivePassing(block []byte) (n int, err error) {
	o := e.other()
	var wanted []uint64
	if o != nil && e.arrived < len(o.passes) {
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
	if n > 0 && len(wanted) > 0 {
		e.arrived++
		e.inFlight -= len(wanted)
	}
	if n > 0 && !slices.Equal(came, wanted) || n <= 0 && len(came) > 0 {
		e.violated(violationDescriptor, "the %v received %d descriptors with byte %d, and %d were sent with it: %v, %v",
			e.who, len(came), e.got, len(wanted), came, wanted)
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
