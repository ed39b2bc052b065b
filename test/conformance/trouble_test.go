package conformance

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
)

// Cases in which something around the program breaks.
var troubleCases = []Case{
	{
		Name:   "trouble/listener-shut-down",
		Shows:  "a listener that another holder of the socket has shut down is reported a few times a second, not in a loop",
		Except: notOriginal("what it does is a matter of chance"),
		Run:    listenerShutDown,
	},
	{
		Name:   "trouble/stderr-gone",
		Shows:  "the program outlives the reader of its log",
		Except: notOriginal("SIGPIPE ends it, unless it is ignored, as under systemd"),
		Run:    stderrGone,
	},
	{
		Name:   "trouble/client-reset-after-its-end",
		Shows:  "a client that ends its stream and then resets the connection does not leave its target waiting",
		Except: original("the target sees only the end"),
		Run:    resetAfterEnd,
	},
}

func listenerShutDown(t *testing.T, p *harness.Program) {
	l := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	process := harness.Start(t, p, harness.Options{Args: []string{"127.0.0.1:1"}, Listeners: []*harness.Listener{l}, Env: []string{"SYSTEMD_LOG_LEVEL=debug"}})
	process.AwaitLine("forwarding")
	if err := unix.Shutdown(int(file.Fd()), unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	process.AwaitLine("accept")
	begin := time.Now()
	harness.Stays(t, "quiet", time.Second, func() bool { return len(process.Lines()) < 20 })
	t.Logf("%d lines in %v", len(process.Lines()), time.Since(begin))
}

func stderrGone(t *testing.T, p *harness.Program) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxyWith(t, p, harness.TCP4, harness.Options{Args: []string{"-c1", target.Target()}, Stderr: writer, PipeKills: true})
	client, far := join(t, proxy, accepted)
	reader.Close()
	for range 3 { // each is a line in the log of ours
		if c, err := harness.TryDial(proxy.Address, harness.SocketOptions{}); err == nil {
			c.SetReadDeadline(time.Now().Add(harness.Patience))
			_, _ = c.Read(make([]byte, 1))
			c.Close()
		}
	}
	client.SendText("still there?")
	far.ExpectText("still there?")
}

// resetAfterEnd has the proxy read the end of the client's stream, after which
// only an error can tell that the client is gone.
func resetAfterEnd(t *testing.T, p *harness.Program) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target())
	client, far := join(t, proxy, accepted)
	client.EndWriting()
	far.ExpectEnd()
	client.Reset()
	if !p.IsOurs() {
		return
	}
	harness.Until(t, "the target to be reset", func() bool {
		errno := 0
		far.Control(func(fd int) (err error) {
			errno, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			return err
		})
		return errno == int(unix.EPIPE) || errno == int(unix.ECONNRESET)
	})
}
