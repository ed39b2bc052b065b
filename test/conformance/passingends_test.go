package conformance

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// Cases in which passed descriptors stay in the program: for a while, or when their
// connection dies.
var passingEndCases = []Case{
	{
		Name:   "pass-fds/stuck-receiver",
		Shows:  "while the receiver takes nothing, a half holds the descriptors of one message at most; later all arrive in order",
		Except: noPassing,
		Run:    passToStuck,
	},
	{
		Name:   "pass-fds/connection-dies",
		Shows:  "descriptors that a connection holds when its client or target leaves, when it times out, or when the program ends are closed, and their far ends see it",
		Except: noPassing,
		Run:    passAndDie,
	},
	{
		Name:   "pass-fds/none-left",
		Shows:  "after 200 connections that break off at any moment, no descriptor is left",
		Except: noPassing,
		Run:    passAndLeave,
	},
	{
		Name:   "pass-fds/drain",
		Shows:  "descriptors that are held at SIGTERM with --drain-timeout= are delivered, and the program ends",
		Except: noPassing,
		Run:    passWhileDraining,
	},
	{
		Name:   "pass-fds/none-to-be-had",
		Shows:  "when the program cannot have that many descriptors, the connection is reset and a line says so; no message arrives with fewer, and other connections go on",
		Except: noPassing,
		Run:    passWithoutRoom,
	},
	{
		Name:   "pass-fds/too-many-in-flight",
		Shows:  "when the program's user has too many descriptors in flight, the connection is reset and a line says so",
		Except: noPassing,
		Run:    passTooMany,
	},
	{
		Name:   "pass-fds/close-that-waits",
		Shows:  "a descriptor whose close waits for its peer delays nobody else, not even the end of the program",
		Except: noPassing,
		Run:    passWhatLingers,
	},
}

// jam sends messages of a byte with copies of a file until all is full between a peer and
// the one that takes nothing, and the program holds a message. It returns how many were
// sent.
func jam(t *testing.T, proxy *harness.Proxy, from *harness.Conn, file *os.File, each int) int {
	t.Helper()
	before := proxy.Descriptors()
	files := make([]*os.File, each)
	for i := range files {
		files[i] = file
	}
	sent := make(chan int)
	go func() {
		n := 0
		for {
			if _, err := from.TrySendWith([]byte{byte(n)}, files...); err != nil {
				break // stopped below
			}
			n++
		}
		sent <- n
	}()
	harness.Until(t, "the program to hold a message", func() bool { return proxy.Descriptors() == before+each })
	harness.Settled(t, "what it has not taken", func() int64 { return unsent(from) }, 3*settle)
	from.SetWriteDeadline(time.Unix(1, 0))
	return <-sent
}

// unsent is what a peer has sent and the other end's kernel, or over UNIX sockets the other
// end itself, has not taken.
func unsent(c *harness.Conn) (n int64) {
	c.Control(func(fd int) error {
		queued, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		n = int64(queued)
		return err
	})
	return n
}

// bare is a connected pair and what the program needs for it.
func bare(t *testing.T, proxy *harness.Proxy, accepted chan *harness.Conn) (client, far *harness.Conn, descriptors int) {
	t.Helper()
	client, far = join(t, proxy, accepted)
	passPipe(t, client, far) // whatever is opened once is open now
	descriptors = int(harness.Settled(t, "the number of descriptors", func() int64 { return int64(proxy.Descriptors()) }, settle))
	return client, far, descriptors
}

func passToStuck(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p)
	client, far, before := bare(t, proxy, accepted)
	const messages, each, bound = 2000, 10, 253
	numbered := make([]message, messages)
	for i := range numbered {
		numbered[i].data = binary.LittleEndian.AppendUint32(nil, uint32(i))
		for range each {
			numbered[i].numbers = append(numbered[i].numbers, uint64(i))
		}
	}
	go func() {
		for _, m := range numbered {
			m.send(t, client)
		}
		client.EndWriting()
	}()
	// The kernel holds many in each socket, of which the program knows nothing.
	harness.Until(t, "the program to hold some", func() bool { return proxy.Descriptors() > before })
	harness.Stays(t, "the bound is kept", settle, func() bool { return proxy.Descriptors() <= before+bound })
	for _, m := range numbered {
		if m.expect(t, far); t.Failed() {
			far.Close()
			client.Close()
			return
		}
	}
	far.ExpectEnd()
	harness.Until(t, "the program to hold none", func() bool { return proxy.Descriptors() <= before })
}

// expectClosed waits until nobody has a pipe's other end any more.
func expectClosed(t *testing.T, reader *os.File) {
	t.Helper()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("from the pipe: %d bytes and %v, want the end", n, err)
	}
}

func passAndDie(t *testing.T, p *harness.Program) {
	for _, way := range []struct {
		name   string
		option string
		end    func(proxy *harness.Proxy, from, to *harness.Conn)
	}{
		{"receiver leaves", "", func(_ *harness.Proxy, from, to *harness.Conn) { to.Close(); from.ExpectGone(); from.Close() }},
		{"sender leaves", "", func(_ *harness.Proxy, from, to *harness.Conn) {
			from.Close()
			to.Close()
		}},
		{"idle", "--idle-timeout=5s", func(proxy *harness.Proxy, from, to *harness.Conn) {
			proxy.AwaitLine("the idle timeout has expired")
			from.Close()
			to.Close() // what has reached its socket
		}},
		{"SIGTERM", "", func(proxy *harness.Proxy, from, to *harness.Conn) {
			proxy.Signal(syscall.SIGTERM)
			wantExit(t, p, proxy.Process, "")
			from.Close()
			to.Close()
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for _, back := range []bool{false, true} {
				args := []string{"--workers=1"}
				if way.option != "" {
					args = append(args, way.option)
				}
				proxy, accepted := startPassing(t, p, args...)
				from, to, before := bare(t, proxy, accepted)
				if back {
					from, to = to, from
				}
				reader, writer := pipe(t)
				jam(t, proxy, from, writer, 20)
				writer.Close()
				way.end(proxy, from, to)
				expectClosed(t, reader)
				if proxy.Running() {
					harness.Until(t, "the descriptors to be closed", func() bool { return proxy.Descriptors() <= before-2 })
				}
				figures.Count("faults", 1)
			}
		})
	}
}

func passAndLeave(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p, "--workers=2")
	_, _, before := bare(t, proxy, accepted)
	reader, writer := pipe(t)
	for i := range 200 {
		client := proxy.Dial(t)
		for range i % 7 {
			client.TrySendWith([]byte("some"), writer, writer, writer)
		}
		if i%3 == 0 {
			client.Close()
		}
		far := <-accepted
		far.TrySendWith([]byte("others"), writer, writer)
		if i%2 == 0 {
			far.Close()
		}
		client.Close()
		far.Close()
		figures.Count("faults", 1)
	}
	writer.Close()
	expectClosed(t, reader)
	harness.Until(t, "no descriptor to be left", func() bool { return proxy.Descriptors() <= before })
}

func passWhileDraining(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{
		Args: []string{"--pass-fds", "--drain-timeout=infinity", target.Target()}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	})
	client, far, _ := bare(t, proxy, accepted)
	reader, writer := pipe(t)
	sent := jam(t, proxy, client, writer, 5)
	writer.Close()
	proxy.Signal(syscall.SIGTERM)
	proxy.AwaitLine(`stopped listening`)
	for i := range sent {
		data, files, err := far.ReceiveWith(100)
		if !bytes.Equal(data, []byte{byte(i)}) || len(files) != 5 || err != nil {
			t.Fatalf("message %d: %v with %d descriptors arrived (%v)", i, data, len(files), err)
		}
		for _, file := range files {
			file.Close()
		}
	}
	expectClosed(t, reader)
	client.Close()
	far.ExpectEnd()
	far.Close()
	wantExit(t, p, proxy.Process, "")
}

func passWithoutRoom(t *testing.T, p *harness.Program) {
	proxy, accepted := startPassing(t, p, "--log-connections")
	bystander, bystanderFar, _ := bare(t, proxy, accepted)
	for _, each := range []int{253, 60} {
		client, far, before := bare(t, proxy, accepted)
		var usual unix.Rlimit
		tight := unix.Rlimit{Cur: uint64(before) + 40, Max: 1 << 16}
		if err := unix.Prlimit(proxy.PID(), unix.RLIMIT_NOFILE, nil, &usual); err != nil {
			t.Fatal(err)
		}
		tight.Max = usual.Max
		if err := unix.Prlimit(proxy.PID(), unix.RLIMIT_NOFILE, &tight, nil); err != nil {
			t.Fatal(err)
		}
		reader, writer := pipe(t)
		files := make([]*os.File, each)
		for i := range files {
			files[i] = writer
		}
		client.SendWith([]byte("too many"), files...)
		writer.Close()
		client.ExpectGone()
		if data, passed, err := far.ReceiveWith(100); len(data) > 0 || len(passed) > 0 {
			t.Errorf("%q with %d descriptors arrived (%v)", data, len(passed), err)
		}
		expectClosed(t, reader)
		figures.Count("faults", 1)
		passPipe(t, bystander, bystanderFar)
		if err := unix.Prlimit(proxy.PID(), unix.RLIMIT_NOFILE, &usual, nil); err != nil {
			t.Fatal(err)
		}
		harness.Until(t, "the descriptors to be closed", func() bool { return proxy.Descriptors() <= before-2 })
	}
	proxy.AwaitLine(`descriptors cannot be passed on, resetting the connection.*not all descriptors.*hint=`)
	proxy.AwaitLine(`connection closed: .*outcome=descriptors-lost`)
}

func passTooMany(t *testing.T, p *harness.Program) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a program as another user")
	}
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Abstract, script)
	limited := *p
	limited.Args = append([]string{"-c", `ulimit -n 80; exec "$0" "$@"`, p.Executable(t)}, p.Args...)
	limited.Find = func(testing.TB) string { return "/bin/sh" }
	proxy := harness.StartProxyWith(t, &limited, harness.Abstract, harness.Options{
		// What is in flight counts for the whole user, so each program has one of its own.
		Args: []string{"--pass-fds", target.Target()}, User: 40000 + uint32(os.Getpid()%10000) + uint32(len(p.Name)),
	})
	client, far := join(t, proxy, accepted)
	reader, writer := pipe(t)
	for range 100 {
		if _, err := client.TrySendWith([]byte("x"), writer, writer, writer, writer, writer); err != nil {
			break
		}
	}
	proxy.AwaitLine(`descriptors cannot be passed on, resetting the connection.*too many references.*hint=`)
	client.ExpectGone()
	client.Close()
	writer.Close()
	far.Close()
	expectClosed(t, reader)
	client, far = join(t, proxy, accepted)
	passPipe(t, client, far)
	figures.Count("faults", 1)
}

// lingering returns a TCP socket whose close waits: SO_LINGER is set, and its peer takes
// nothing of what was sent to it.
func lingering(t *testing.T) (file *os.File, peer *harness.Conn) {
	t.Helper()
	script, accepted := harness.Hand()
	server := harness.ServeOn(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{ReceiveBuffer: 4096}), script)
	client := harness.DialWith(t, server.Address, harness.SocketOptions{SendBuffer: 4096})
	peer = <-accepted
	go client.Write(make([]byte, 1<<20)) // more than the sockets hold
	harness.Until(t, "the sockets to fill", func() bool { return unsent(client) > 0 })
	harness.Settled(t, "what the peer has not taken", func() int64 { return unsent(client) }, settle)
	client.Control(func(fd int) error {
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 3600})
	})
	file, err := client.Conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); file.Close() }) // the peer first, so that nothing waits
	client.Close()                                   // not the last to have it
	return file, peer
}

// passWhatLingers leaves such a socket in what the program has not taken from a client
// when the connection ends: closing its own socket closes that one too, and waits.
func passWhatLingers(t *testing.T, p *harness.Program) {
	for _, ended := range []bool{false, true} {
		proxy, accepted := startPassing(t, p, "-c2")
		bystander, bystanderFar, before := bare(t, proxy, accepted)
		client, far := join(t, proxy, accepted)
		file, peer := lingering(t)
		jam(t, proxy, client, file, 1)
		file.Close()
		far.Close()
		harness.Until(t, "the connection to end", func() bool { return proxy.Descriptors() <= before+1 }) // a socket may wait its turn
		for range 20 {
			passPipe(t, bystander, bystanderFar)
		}
		proxy.Dial(t).ExpectGone() // the connection still has its place
		if ended {
			proxy.Signal(syscall.SIGTERM)
			wantExit(t, p, proxy.Process, "")
			continue
		}
		peer.Close()
		harness.Until(t, "the close to end", func() bool { return findsRoom(t, proxy, accepted) })
		harness.Until(t, "no descriptor to be left", func() bool { return proxy.Descriptors() <= before })
	}
}

// findsRoom reports whether a client that connects now is let in; it leaves then.
func findsRoom(t *testing.T, proxy *harness.Proxy, accepted chan *harness.Conn) bool {
	t.Helper()
	client := proxy.Dial(t)
	defer client.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		client.Read(make([]byte, 1))
	}()
	select {
	case far := <-accepted:
		far.Close()
		return true
	case <-gone:
		return false
	}
}
