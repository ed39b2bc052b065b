package conformance

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

var noPassing = notOriginal("no --pass-fds")

var passingCases = []Case{
	{
		Name:   "pass-fds/one",
		Shows:  "--pass-fds passes on an end of a pipe, either way, over UNIX paths, abstract names and a socket of --listen=",
		Except: noPassing,
		Run:    passOne,
	},
	{
		Name:   "pass-fds/most-in-one",
		Shows:  "253 descriptors in one message, the most that the kernel takes, arrive in order, either way",
		Except: noPassing,
		Run:    passMost,
	},
	{
		Name:   "pass-fds/in-order",
		Shows:  "descriptors arrive with the byte that they were sent with, both ways at once, among messages without any that are read without asking for them, whether the program meets them one by one or in a batch, and with several workers",
		Except: noPassing,
		Run:    passInOrder,
	},
	{
		Name:   "pass-fds/stream",
		Shows:  "16 MiB each way arrive intact with --pass-fds",
		Except: noPassing,
		Run: func(t *testing.T, p *harness.Program) {
			transferBothWays(t, p, harness.Unix, harness.Abstract, 16<<20, "--pass-fds", "--buffer-size=50000")
		},
	},
	{
		Name:   "pass-fds/half-close",
		Shows:  "a client that has sent a descriptor and ended its stream gets a descriptor in reply",
		Except: noPassing,
		Run:    passHalfClosed,
	},
	{
		Name:   "pass-fds/target-not-up",
		Shows:  "descriptors sent while --connect-retry= waits for the target arrive",
		Except: noPassing,
		Run:    passWhileWaiting,
	},
	{
		Name:   "pass-fds/proxy-protocol",
		Shows:  "after a PROXY header, sent or stripped, descriptors stay with their byte",
		Except: noPassing,
		Run:    passBehindHeader,
	},
	{
		Name:   "pass-fds/urgent",
		Shows:  "urgent data over UNIX sockets is passed on in line, and with its descriptor",
		Except: noPassing,
		Run:    passUrgent,
	},
	{
		Name:   "pass-fds/no-byte",
		Shows:  "descriptors sent without a byte go nowhere, as the kernel drops them, and do no harm",
		Except: noPassing,
		Run:    passWithoutByte,
	},
	{
		Name:   "pass-fds/credentials",
		Shows:  "descriptors are passed on from a listener with PassCredentials=yes; credentials are not",
		Except: noPassing,
		Run:    passWithCredentials,
	},
	{
		Name:   "pass-fds/not-asked-for",
		Shows:  "without the option bytes arrive and descriptors do not: they are closed at once",
		Except: noPassing,
		Run:    func(t *testing.T, p *harness.Program) { passNothing(t, p, harness.Unix) },
	},
	{
		Name:   "pass-fds/to-tcp",
		Shows:  "with a target on TCP the option has no effect: bytes arrive, descriptors are closed at once",
		Except: noPassing,
		Run:    func(t *testing.T, p *harness.Program) { passNothing(t, p, harness.TCP4, "--pass-fds") },
	},
}

// startPassing starts a proxy between UNIX sockets.
func startPassing(t *testing.T, p *harness.Program, args ...string) (*harness.Proxy, chan *harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	return harness.StartProxy(t, p, harness.Unix, target.Target(), append(args, "--pass-fds")...), accepted
}

// pipe returns both ends, closed with the test.
func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	reader.SetDeadline(time.Now().Add(3 * harness.Patience))
	return reader, writer
}

// passPipe passes a pipe's end, through which the other side answers.
func passPipe(t *testing.T, from, to *harness.Conn) {
	t.Helper()
	reader, writer := pipe(t)
	from.SendWith([]byte("take this"), writer)
	writer.Close()
	data, files, err := to.ReceiveWith(100)
	if string(data) != "take this" || len(files) != 1 || err != nil {
		t.Fatalf("%q and %d descriptors arrived (%v)", data, len(files), err)
	}
	if _, err := files[0].WriteString("got it"); err != nil {
		t.Error(err)
	}
	files[0].Close()
	if answer, err := io.ReadAll(reader); string(answer) != "got it" || err != nil {
		t.Errorf("through the pipe: %q, %v", answer, err)
	}
}

func passOne(t *testing.T, p *harness.Program) {
	for _, from := range []harness.Transport{harness.Unix, harness.Abstract} {
		for _, to := range []harness.Transport{harness.Unix, harness.Abstract} {
			script, accepted := harness.Hand()
			target := harness.Serve(t, to, script)
			path := filepath.Join(harness.ShortDir(t), "s")
			proxy := harness.StartProxy(t, p, from, target.Target(), "--pass-fds", "--listen="+path)
			client, far := join(t, proxy, accepted)
			passPipe(t, client, far)
			passPipe(t, far, client)
			other := harness.Dial(t, harness.Address{Transport: harness.Unix, Network: "unix", Text: path})
			far = <-accepted
			passPipe(t, other, far)
			passPipe(t, far, other)
		}
	}
}

func passMost(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p)
	client, far := join(t, proxy, accepted)
	const rounds = 3
	most := message{data: []byte("all of them")}
	for i := range uint64(253) {
		most.numbers = append(most.numbers, i)
	}
	for range rounds {
		most.send(t, client)
		most.expect(t, far)
		most.send(t, far)
		most.expect(t, client)
	}
	proxy.Signal(syscall.SIGUSR1)
	proxy.AwaitLine(fmt.Sprintf(`counters:.* passed-descriptors=%d$`, 2*rounds*253))
}

// message is data that is sent by one call, with descriptors.
type message struct {
	data    []byte
	numbers []uint64 // of files
}

func (m *message) send(t *testing.T, c *harness.Conn) {
	t.Helper()
	var files []*os.File
	for _, number := range m.numbers {
		files = append(files, harness.Numbered(t, number))
	}
	c.SendWith(m.data, files...)
	for _, file := range files {
		file.Close()
	}
}

// expect reads exactly the message. One without descriptors is read as bytes alone: the
// kernel would drop any that came with them.
func (m *message) expect(t *testing.T, c *harness.Conn) {
	t.Helper()
	if len(m.numbers) == 0 {
		c.Expect(m.data)
		return
	}
	data, files, err := c.ReceiveWith(len(m.data))
	var numbers []uint64
	for _, file := range files {
		number, err := harness.NumberOf(file)
		if err != nil {
			t.Error(err)
		}
		numbers = append(numbers, number)
	}
	if err != nil || len(data) == 0 || !slices.Equal(data, m.data[:len(data)]) || !slices.Equal(numbers, m.numbers) {
		t.Errorf("%d bytes with the files %v arrived (%v), want %d with %v", len(data), numbers, err, len(m.data), m.numbers)
		return
	}
	c.Expect(m.data[len(data):])
}

// messages makes n of them at random, with files from a number on. small ones fit into a
// socket together.
func messages(random *rand.Rand, n int, first uint64, small bool) (all []message) {
	for range n {
		most := []int{1, 10, 400}[random.IntN(3)]
		if !small {
			most = []int{1, 10, 3000, 200_000}[random.IntN(4)]
		}
		m := message{data: harness.Random(random.Uint64(), 0, 1+random.IntN(most))}
		for range max(0, random.IntN(6)-2) {
			m.numbers = append(m.numbers, first)
			first++
		}
		all = append(all, m)
	}
	return all
}

func passInOrder(t *testing.T, p *harness.Program) {
	seed := harness.Seed(t)
	each(t, []string{"--workers=1", "--workers=3"}, func(s string) string { return s }, func(t *testing.T, workers string) {
		proxy, accepted := startPassing(t, p, workers)
		for round := range uint64(2) {
			random := rand.New(rand.NewPCG(seed, round))
			client, far := join(t, proxy, accepted)
			batch := messages(random, 40, 0, true)
			whilePaused(t, proxy, func() {
				for _, m := range batch {
					m.send(t, client)
				}
			})
			for _, m := range batch {
				m.expect(t, far)
			}
			up, down := messages(random, 100, 1000, false), messages(random, 100, 1_000_000, false)
			var ends sync.WaitGroup
			for _, way := range []struct {
				from, to *harness.Conn
				messages []message
			}{{client, far, up}, {far, client, down}} {
				ends.Go(func() {
					for _, m := range way.messages {
						m.send(t, way.from)
					}
				})
				ends.Go(func() {
					for _, m := range way.messages {
						if m.expect(t, way.to); t.Failed() {
							way.to.Close() // so that nobody waits for more
							return
						}
					}
				})
			}
			ends.Wait()
		}
	})
}

func passHalfClosed(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p)
	client, far := join(t, proxy, accepted)
	there, back := message{[]byte("there"), []uint64{1}}, message{[]byte("back"), []uint64{2, 3}}
	there.send(t, client)
	client.EndWriting()
	there.expect(t, far)
	far.ExpectEnd()
	back.send(t, far)
	far.EndWriting()
	back.expect(t, client)
	client.ExpectEnd()
}

func passWhileWaiting(t *testing.T, p *harness.Program) {
	address := harness.Unused(t, harness.Unix)
	proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{
		Args: []string{"--pass-fds", "--connect-retry=1min", address.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	client := proxy.Dial(t)
	batch := messages(rand.New(rand.NewPCG(harness.Seed(t), 0)), 20, 0, true)
	for _, m := range batch {
		m.send(t, client)
	}
	client.EndWriting()
	proxy.AwaitLine(`waits for the target`)
	script, accepted := harness.Hand()
	harness.ServeOn(t, harness.ListenOn(t, address, harness.SocketOptions{}), script)
	far := <-accepted
	for _, m := range batch {
		m.expect(t, far)
	}
	far.ExpectEnd()
}

func passBehindHeader(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	second := harness.StartProxy(t, p, harness.Unix, target.Target(), "--pass-fds", "--accept-proxy-protocol")
	first := harness.StartProxy(t, p, harness.Unix, second.Address.Target(), "--pass-fds", "--proxy-protocol=v2")
	batch := messages(rand.New(rand.NewPCG(harness.Seed(t), 0)), 20, 0, true)
	batch[0].numbers = []uint64{4711}
	for round := range 4 {
		var client *harness.Conn
		switch round {
		case 0: // through both, with all there when the first of them looks
			whilePaused(t, first, func() {
				client = first.Dial(t)
				for _, m := range batch {
					m.send(t, client)
				}
			})
		case 1: // a header of the client's own, whole with all behind it
			whilePaused(t, second, func() {
				client = second.Dial(t)
				client.Send(sentHeader(t, 1))
				for _, m := range batch {
					m.send(t, client)
				}
			})
		default: // in parts
			client = second.Dial(t)
			header := sentHeader(t, byte(round-1))
			client.Send(header[:20])
			client.AwaitDelivered()
			client.Send(header[20:])
			for _, m := range batch {
				m.send(t, client)
			}
		}
		far := <-accepted
		for _, m := range batch {
			m.expect(t, far)
		}
		passPipe(t, far, client)
	}
}

func passUrgent(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p)
	client, far := join(t, proxy, accepted)
	reader, writer := pipe(t)
	urgent := func(b byte, rights []byte) {
		client.Control(func(fd int) error {
			err := unix.Sendmsg(fd, []byte{b}, rights, nil, unix.MSG_OOB)
			if err == unix.EOPNOTSUPP {
				t.Skip("this kernel has no urgent data over UNIX sockets")
			}
			return err
		})
	}
	whilePaused(t, proxy, func() {
		client.SendText("before")
		urgent('!', nil)
		client.SendText("between")
		urgent('?', unix.UnixRights(int(writer.Fd())))
		client.SendText("after")
	})
	writer.Close()
	far.ExpectText("before!between")
	data, files, err := far.ReceiveWith(1)
	if string(data) != "?" || len(files) != 1 || err != nil {
		t.Fatalf("%q and %d descriptors arrived (%v)", data, len(files), err)
	}
	files[0].Close()
	far.ExpectText("after")
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("from the pipe: %d bytes and %v, want the end", n, err)
	}
}

func passWithoutByte(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p)
	client, far := join(t, proxy, accepted)
	reader, writer := pipe(t)
	rights := unix.UnixRights(int(writer.Fd()))
	client.Control(func(fd int) error { return sendNothing(fd, rights) })
	writer.Close()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("from the pipe: %d bytes and %v, want the end", n, err)
	}
	client.SendText("bytes")
	if data, files, err := far.ReceiveWith(100); string(data) != "bytes" || len(files) != 0 || err != nil {
		t.Errorf("%q and %d descriptors arrived (%v)", data, len(files), err)
	}
	passPipe(t, client, far)
}

// sendNothing sends control data alone. Package unix would add a byte.
func sendNothing(fd int, control []byte) error {
	header := unix.Msghdr{Control: &control[0]}
	header.SetControllen(len(control))
	if _, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), 0); errno != 0 {
		return errno
	}
	return nil
}

func passWithCredentials(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	listener := harness.Listen(t, harness.Unix, harness.SocketOptions{})
	raw, err := listener.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	if failed != nil {
		t.Fatal(failed)
	}
	address := listener.Address
	process := harness.Start(t, p, harness.Options{Args: []string{"--pass-fds", target.Target()}, Listeners: []*harness.Listener{listener}})
	client, far := join(t, &harness.Proxy{Process: process, Address: address}, accepted)
	far.Control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	most := message{data: []byte("with credentials")}
	for i := range uint64(253) {
		most.numbers = append(most.numbers, i)
	}
	credentials := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
	client.Control(func(fd int) error { return unix.Sendmsg(fd, []byte("me"), credentials, nil, 0) })
	most.send(t, client)
	far.ExpectText("me")
	far.Control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 0) })
	most.expect(t, far)
}

func passNothing(t *testing.T, p *harness.Program, to harness.Transport, args ...string) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, to, script)
	proxy := harness.StartProxy(t, p, harness.Unix, target.Target(), args...)
	client, far := join(t, proxy, accepted)
	before := proxy.Descriptors()
	ways := [][2]*harness.Conn{{client, far}}
	if !to.IsTCP() {
		ways = append(ways, [2]*harness.Conn{far, client})
	}
	for _, way := range ways {
		reader, writer := pipe(t)
		way[0].SendWith([]byte("bytes"), writer, writer)
		writer.Close()
		if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("from the pipe: %d bytes and %v, want the end", n, err)
		}
		way[0].SendText(", more")
		got := ""
		for len(got) < len("bytes, more") {
			data, files, err := receiveAny(way[1])
			if len(files) > 0 || err != nil {
				t.Fatalf("%q and %d descriptors arrived (%v)", data, len(files), err)
			}
			got += string(data)
		}
		if got != "bytes, more" {
			t.Errorf("%q arrived", got)
		}
	}
	if after := proxy.Descriptors(); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// receiveAny reads what is there, and whatever may come with it over a UNIX socket.
func receiveAny(c *harness.Conn) ([]byte, []*os.File, error) {
	if c.LocalAddr().Network() == "unix" {
		return c.ReceiveWith(100)
	}
	data := make([]byte, 100)
	n, err := c.Read(data)
	if err != nil {
		err = fmt.Errorf("reading: %w", err)
	}
	return data[:n], nil, err
}
