package harness

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// SendWith sends data and passes files with its first byte (SCM_RIGHTS).
func (c *Conn) SendWith(data []byte, files ...*os.File) {
	c.t.Helper()
	if n, err := c.TrySendWith(data, files...); err != nil {
		c.t.Errorf("after %d of %d bytes, with %d descriptors: %v", n, len(data), len(files), err)
	}
}

// TrySendWith is SendWith where failing may be right.
func (c *Conn) TrySendWith(data []byte, files ...*os.File) (int, error) {
	passed := make([]int, len(files))
	for i, file := range files {
		raw, err := file.SyscallConn()
		if err != nil {
			return 0, err
		}
		if err := raw.Control(func(fd uintptr) { passed[i] = int(fd) }); err != nil {
			return 0, err
		}
	}
	n, _, err := c.Conn.(*net.UnixConn).WriteMsgUnix(data, unix.UnixRights(passed...), nil)
	if err == nil && n < len(data) {
		var rest int
		rest, err = c.Write(data[n:])
		n += rest
	}
	return n, err
}

// ReceiveWith receives up to n bytes by one call, and the files that come with them. They
// are the caller's.
func (c *Conn) ReceiveWith(n int) ([]byte, []*os.File, error) {
	data, control := make([]byte, n), make([]byte, unix.CmsgSpace(4*253))
	n, controlled, flags, _, err := c.Conn.(*net.UnixConn).ReadMsgUnix(data, control)
	if err != nil {
		return nil, nil, err
	}
	files, err := passedFiles(control[:controlled])
	if flags&unix.MSG_CTRUNC != 0 {
		err = errors.Join(err, errors.New("descriptors were lost"))
	}
	return data[:n], files, err
}

func passedFiles(control []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if message.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, err := unix.ParseUnixRights(&message)
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// Numbered returns a file that can be told from others by its number. It is closed with
// the test.
func Numbered(t testing.TB, number uint64) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("numbered", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "numbered")
	t.Cleanup(func() { file.Close() })
	if _, err := file.Write(binary.LittleEndian.AppendUint64(nil, number)); err != nil {
		t.Fatal(err)
	}
	return file
}

// NumberOf is the number of a file that Numbered has made, whoever has passed it. It
// closes the file.
func NumberOf(file *os.File) (uint64, error) {
	defer file.Close()
	text := make([]byte, 8)
	if _, err := file.ReadAt(text, 0); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(text), nil
}
