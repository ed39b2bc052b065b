package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// What unlucky operators and inventive peers do besides.
var operatorCases = []Case{
	{
		Name:  "operator/forwards-to-itself",
		Shows: "a target that is the program's own listener fills the limit for a moment, not the machine: each client is closed, and all comes back",
		Run:   forwardsToItself,
	},
	{
		Name:  "operator/no-standard-streams",
		Shows: "started without standard input, output and error, the program writes nothing into its connections",
		Run:   noStandardStreams,
	},
	{
		Name:  "operator/descriptors-in-messages",
		Shows: "descriptors that UNIX peers send along are not kept, and the bytes around them arrive intact",
		Run:   passedDescriptors,
	},
	{
		Name:  "operator/urgent-data",
		Shows: "urgent bytes sprinkled into streams both ways, spliced or not, come through in their places",
		Run:   urgentData,
	},
	{
		Name:  "operator/sips",
		Shows: "clients that read a byte at a time from a flood cost others nothing",
		Run:   sips,
	},
}

func forwardsToItself(t *testing.T, p *harness.Program) {
	const limit = 30
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	process := harness.Start(t, p, harness.Options{
		Args: []string{fmt.Sprintf("-c%d", limit), l.Target()}, Listeners: []*harness.Listener{l},
	})
	s := &stage{t: t, Proxy: &harness.Proxy{Process: process, Address: l.Address}, bystanders: &bystanders{t: t}}
	for range 20 {
		injected(1)
		c := s.dial()
		_, _ = c.Write([]byte("round and round"))
		c.ExpectGone()
		c.Close()
	}
	s.awaitSockets("the loops to end", 0)
	s.staysCalm("after the loops")
	t.Logf("%d lines in the log", len(s.Lines()))
}

func noStandardStreams(t *testing.T, p *harness.Program) {
	s := set(t, under(t, p, "exec 0<&- 1>&- 2>&-"), setting{options: harness.Options{
		Args: []string{fmt.Sprintf("-c%d", len(bystanderKinds)+4)}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"},
	}})
	for range 4 {
		s.join()
	}
	s.speakUp(20) // lines that must not reach a connection
	s.end()
}

func passedDescriptors(t *testing.T, p *harness.Program) {
	const messages, each = 200, 8
	s := set(t, p, setting{from: harness.Unix, to: harness.Unix})
	client, far := s.join()
	before := s.descriptors()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rights := make([]int, each)
	for i := range rights {
		rights[i] = int(writer.Fd())
	}
	for _, way := range []struct{ from, to *harness.Conn }{{client, far}, {far, client}} {
		data := harness.Random(s.seed, 3, messages*1000)
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range messages {
				injected(1)
				if err := sendRights(way.from, data[i*1000:(i+1)*1000], rights); err != nil {
					t.Errorf("sending descriptors: %v", err)
					return
				}
			}
		})
		way.to.Expect(data)
		sending.Wait()
		stream := harness.Random(s.seed, 4, 2<<20) // by splice
		sending.Go(func() { way.from.Send(stream) })
		way.to.Expect(stream)
		sending.Wait()
	}
	if now := s.descriptors(); now.sockets != before.sockets || now.pipes > before.pipes+2*keptPipes {
		t.Errorf("descriptors: %+v, before the messages %+v", now, before)
	}
	// Whoever still held one of the pipe's ends would keep its end from coming.
	writer.Close()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the pipe gave %d bytes and %v: a descriptor was kept", n, err)
	}
	s.end()
}

// sendRights sends bytes and descriptors along.
func sendRights(c *harness.Conn, data []byte, rights []int) error {
	_, _, err := c.Conn.(*net.UnixConn).WriteMsgUnix(data, unix.UnixRights(rights...), nil)
	return err
}

func urgentData(t *testing.T, p *harness.Program) {
	const pieces = 40
	s := set(t, p, setting{})
	client, far := s.join()
	var moving sync.WaitGroup
	for i, way := range []struct{ from, to *harness.Conn }{{client, far}, {far, client}} {
		way.to.Control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
		data := harness.Random(s.seed, uint64(i), pieces*50_000)
		moving.Go(func() {
			for n := range pieces {
				piece := data[n*50_000 : (n+1)*50_000]
				way.from.Send(piece[:len(piece)-1])
				if err := sendUrgent(way.from, piece[len(piece)-1]); err != nil {
					t.Error(err)
					return
				}
				injected(1)
			}
		})
		moving.Go(func() { way.to.Expect(data) })
	}
	moving.Wait()
	s.end()
}

// sendUrgent sends a byte of urgent data, once there is room.
func sendUrgent(c *harness.Conn, b byte) error {
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), []byte{b}, unix.MSG_OOB, nil)
		return failed != unix.EAGAIN
	})
	return errors.Join(err, failed)
}

// sip reads a byte at a time.
type sip struct{ io.Reader }

func (s sip) Read(p []byte) (int, error) { return s.Reader.Read(p[:1]) }

func sips(t *testing.T, p *harness.Program) {
	const clients, sips = 30, 2000
	s := set(t, p, setting{limits: peerBuffers})
	var sipping sync.WaitGroup
	for range clients {
		client, far := s.joinEnds(peerBuffers)
		far.send(endless)
		sipping.Go(func() {
			injected(1)
			if err := client.in.CheckPart(sip{client.Conn.Conn}, sips); err != nil {
				t.Error(err)
			}
			client.Reset()
			<-far.sending
		})
	}
	s.progress("beside the sips")
	sipping.Wait()
	s.end()
}
