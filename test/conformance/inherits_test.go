package conformance

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var leavesOptions = notOriginal("its sockets have these options")

// inheritsCases are about options of the listener, which the kernel gives to the sockets
// that are accepted from it.
var inheritsCases = []Case{
	{
		Name:   "inherits/linger",
		Shows:  "with SO_LINGER on the listener, nobody waits for the close of a connection whose client does not read, and a client that was sent everything gets everything",
		Except: leavesOptions,
		Run:    inheritsLinger,
	},
	{
		Name:   "inherits/low-water",
		Shows:  "with SO_RCVLOWAT of 100 on the listener, a request of 10 bytes is forwarded",
		Except: leavesOptions,
		Run:    inheritsLowWater,
	},
	{
		Name:   "inherits/urgent-before-accept",
		Shows:  "urgent bytes that a client sends before it is accepted all arrive, each in its place",
		Except: notOriginal("urgent bytes are lost to it"),
		Run:    inheritsUrgent,
	},
	{
		Name:   "inherits/nothing",
		Shows:  "a client's socket has no SO_LINGER, SO_RCVLOWAT, TCP_CORK, SO_PEEK_OFF or timeouts, whether the program accepted it or was passed it",
		Except: leavesOptions,
		Run:    inheritsNothing,
	},
}

// setOptions sets options of a socket of the test's.
func setOptions(t *testing.T, socket any, set func(fd int) error) {
	t.Helper()
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = set(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// startOn starts a program on a listener with options.
func startOn(t *testing.T, p *harness.Program, size harness.SocketOptions, set func(fd int) error, args ...string) *harness.Proxy {
	t.Helper()
	l := harness.Listen(t, harness.TCP4, size)
	setOptions(t, l.Listener, set)
	return &harness.Proxy{Process: harness.Start(t, p, harness.Options{Listeners: []*harness.Listener{l}, Args: args}), Address: l.Address}
}

func linger(seconds int32) func(fd int) error {
	return func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: seconds})
	}
}

func inheritsLinger(t *testing.T, p *harness.Program) {
	const size = 100 << 10 // more than the client's socket takes, less than the proxy's
	seed := harness.Seed(t)
	for _, seconds := range []int32{100, 0} {
		target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
			c.ExpectText("?")
			_ = harness.NewPattern(seed, 1).SendTo(c, size, nil)
			c.EndWriting()
			c.ExpectEnd()
		})
		proxy := startOn(t, p, harness.SocketOptions{SendBuffer: 1 << 20}, linger(seconds), "--log-connections", target.Target())
		slow := harness.DialWith(t, proxy.Address, harness.SocketOptions{ReceiveBuffer: 4096})
		slow.SendText("?")
		slow.EndWriting()
		slow.AwaitReadable()
		proxy.AwaitLine(fmt.Sprintf("^connection closed: .* bytes-to-client=%d ", size))
		other := proxy.Dial(t)
		other.SetDeadline(time.Now().Add(harness.Patience))
		other.SendText("?")
		if err := harness.NewPattern(seed, 1).CheckPart(other, size); err != nil {
			t.Errorf("SO_LINGER of %d: another client: %v", seconds, err)
		}
		if err := harness.NewPattern(seed, 1).Check(slow, size); err != nil {
			t.Errorf("SO_LINGER of %d: the slow client: %v", seconds, err)
		}
		slow.ExpectEnd()
		other.EndWriting()
		other.ExpectEnd()
	}
}

func inheritsLowWater(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	for _, workers := range []string{"--workers=1", "--workers=3"} {
		proxy := startOn(t, p, harness.SocketOptions{}, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, 100)
		}, workers, target.Target())
		client := proxy.Dial(t)
		client.SetDeadline(time.Now().Add(harness.Patience))
		for _, request := range []string{"10 bytes, ", "and 12 more.", "."} { // the first may be there already
			client.SendText(request)
			client.ExpectText(request)
		}
	}
}

func inheritsUrgent(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, func(c *harness.Conn) {
		c.ExpectText("ABrest")
		c.ExpectEnd()
		c.SendText("all there")
	})
	notify := harness.NewNotify(t)
	passed := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{target.Target()}, Env: []string{notify.Environment()}})
	notify.Await(t, "READY=1")
	address := harness.Unused(t, harness.TCP4)
	opened := &harness.Proxy{Process: startListening(t, p, target.Target(), address.Text), Address: address}
	for _, proxy := range []*harness.Proxy{passed, opened} {
		proxy.Pause()
		client := proxy.Dial(t)
		client.SendOutOfBand('A')
		client.SendOutOfBand('B')
		client.SendText("rest")
		client.EndWriting()
		client.AwaitDelivered()
		proxy.Signal(syscall.SIGCONT)
		client.ExpectText("all there")
		client.ExpectEnd()
	}
}

// inheritable are the options, the bytes of a value to set and of the usual one, in the
// machine's order.
var inheritable = []struct {
	name          string
	level, option int
	set, usual    []byte
}{
	{"SO_LINGER", unix.SOL_SOCKET, unix.SO_LINGER, []byte{0: 1, 4: 30, 7: 0}, make([]byte, 8)},
	{"SO_RCVLOWAT", unix.SOL_SOCKET, unix.SO_RCVLOWAT, []byte{0: 100, 3: 0}, []byte{0: 1, 3: 0}},
	{"TCP_CORK", unix.IPPROTO_TCP, unix.TCP_CORK, []byte{0: 1, 3: 0}, make([]byte, 4)},
	{"SO_PEEK_OFF", unix.SOL_SOCKET, unix.SO_PEEK_OFF, []byte{0: 5, 3: 0}, []byte{255, 255, 255, 255}},
	{"SO_RCVTIMEO", unix.SOL_SOCKET, unix.SO_RCVTIMEO, []byte{0: 7, 15: 0}, make([]byte, 16)},
	{"SO_SNDTIMEO", unix.SOL_SOCKET, unix.SO_SNDTIMEO, []byte{0: 7, 15: 0}, make([]byte, 16)},
}

// setInheritable sets all of them, but for those that the kernel does not have.
func setInheritable(t *testing.T) func(fd int) error {
	return func(fd int) error {
		for _, o := range inheritable {
			switch err := unix.SetsockoptString(fd, o.level, o.option, string(o.set)); err {
			case nil:
			case unix.EOPNOTSUPP: // SO_PEEK_OFF of TCP before Linux 6.9
				t.Logf("%s: %v", o.name, err)
			default:
				return fmt.Errorf("%s: %w", o.name, err)
			}
		}
		return nil
	}
}

func inheritsNothing(t *testing.T, p *harness.Program) {
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	accepting := startOn(t, p, harness.SocketOptions{}, setInheritable(t), target.Target())
	client := accepting.Dial(t)
	client.SendText("hello")
	client.ExpectText("hello")
	wantUsual(t, accepting.Process, client)

	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	setOptions(t, l.Listener, setInheritable(t))
	c := accept(t, l, 0)
	process := startWith(t, p, harness.Options{Args: []string{target.Target()}}, c)
	c.client.SendText("hello")
	c.client.ExpectText("hello")
	wantUsual(t, process, c.client)
	c.client.EndWriting()
	c.client.ExpectEnd()
	wantEnd(t, process, 0)
}

// wantUsual looks at a program's socket of a client, by a copy of its descriptor.
func wantUsual(t *testing.T, process *harness.Process, client *harness.Conn) {
	t.Helper()
	found := false
	eachConnected(t, process, func(fd int, peer string) {
		if peer != client.LocalAddr().String() {
			return
		}
		found = true
		for _, o := range inheritable {
			if o.option == unix.SO_LINGER {
				o.usual = o.usual[:4] // the time stays, of what is off
			}
			if got, err := rawOption(fd, o.level, o.option, len(o.usual)); err == nil && got != string(o.usual) {
				t.Errorf("%s is %x, want %x", o.name, got, o.usual)
			}
		}
	})
	if !found {
		t.Error("the client's socket was not found")
	}
}

// eachConnected calls f with a copy of each TCP socket of a program that is connected.
func eachConnected(t *testing.T, process *harness.Process, f func(fd int, peer string)) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(process.PID(), 0)
	if err != nil {
		t.Skipf("pidfd_open: %v", err)
	}
	defer unix.Close(pidfd)
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", process.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		number, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdGetfd(pidfd, number, 0)
		if err != nil {
			continue // closed meanwhile
		}
		if peer, err := unix.Getpeername(fd); err == nil {
			if peer, ok := peer.(*unix.SockaddrInet4); ok {
				f(fd, fmt.Sprintf("%d.%d.%d.%d:%d", peer.Addr[0], peer.Addr[1], peer.Addr[2], peer.Addr[3], peer.Port))
			}
		}
		unix.Close(fd)
	}
}

// rawOption is the bytes of an option's value.
func rawOption(fd, level, option, size int) (string, error) {
	value, length := make([]byte, size), uint32(size) // the kernel cuts what is longer
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&value[0])), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return "", errno
	}
	return string(value[:length]), nil
}
