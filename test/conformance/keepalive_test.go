package conformance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/lib/harness"
	"uring-socket-proxyd/test/lib/network"
)

// What --keepalive= ends, and what it does not.
var keepaliveCases = []Case{
	{
		Name:   "keepalive/paused-reader",
		Shows:  "--keepalive= leaves alone a peer that reads nothing for long but whose kernel answers",
		Except: notOriginal("no --keepalive="),
		Run:    keepalivePausedReaders,
	},
	{
		Name:   "keepalive/vanished",
		Shows:  "--keepalive= resets a connection whose peer has vanished, silent or in the middle of a stream or with its window shut, after about four times TIME",
		Except: notOriginal("no --keepalive="),
		Run:    overCrews(keepaliveVanished),
	},
	{
		Name:   "keepalive/connect",
		Shows:  "--keepalive= does not cut short how long --connect-timeout= lets a target take",
		Except: notOriginal("no --keepalive="),
		Run:    keepaliveWhileConnecting,
	},
}

func keepalivePausedReaders(t *testing.T, p *harness.Program) {
	const size, pause = 24 << 20, 7 * time.Second // more than four times TIME
	seed := harness.Seed(t)
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.TCP4, script)
	proxy := harness.StartProxy(t, p, harness.TCP4, target.Target(), "--keepalive=1s")
	streams := make(chan error, len(directions))
	for _, d := range directions {
		sender, receiver := d.ends(join(t, proxy, accepted))
		// All at once, and not as parallel subtests: those wait for one another.
		go func() {
			sent := make(chan error, 1)
			go func() {
				sent <- harness.NewPattern(seed, 0).SendTo(sender, size, nil)
				sender.EndWriting()
			}()
			<-time.After(pause)
			err := errors.Join(harness.NewPattern(seed, 0).Check(receiver, size), <-sent)
			if err != nil {
				err = fmt.Errorf("%v: %w", d, err)
			}
			streams <- err
		}()
	}
	for range directions {
		if err := <-streams; err != nil {
			t.Error(err)
		}
	}
}

// vanishing is what a client does when its machine is no more.
type vanishing struct {
	name string
	does func(t *testing.T, client, far *harness.Conn)
}

var vanishings = []vanishing{
	{"silent", func(*testing.T, *harness.Conn, *harness.Conn) {}},
	{"with its window shut", func(t *testing.T, _, far *harness.Conn) { fillUp(t, far) }},
	{"having ended its stream", func(t *testing.T, client, far *harness.Conn) {
		client.EndWriting()
		far.ExpectEnd()
		harness.Until(t, "the client's kernel to know that its end has arrived", func() bool { return tcpState(t, client) == unix.BPF_TCP_FIN_WAIT2 })
	}},
}

// tcpState is the state of a connection, as the kernel numbers them.
func tcpState(t *testing.T, c *harness.Conn) (state uint8) {
	t.Helper()
	c.Control(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			state = info.State
		}
		return err
	})
	return state
}

// keepaliveVanished has all packets dropped that reach the clients' machine.
func keepaliveVanished(t *testing.T, p *harness.Program, workers string) {
	const interval = time.Second
	clients, machine := network.New(t, "clients"), network.New(t, "machine")
	network.Join(t, clients, "10.1.0.1", machine, "10.1.0.2")
	script, accepted := harness.Hand()
	var proxy *harness.Proxy
	machine.Do(t, func() {
		target := harness.Serve(t, harness.TCP4, script)
		l := harness.ListenOn(t, families[0].on("10.1.0.2"), harness.SocketOptions{})
		proxy = &harness.Proxy{Address: l.Address}
		proxy.Process = harness.Start(t, p, harness.Options{
			Listeners: []*harness.Listener{l}, Args: []string{workers, fmt.Sprintf("--keepalive=%v", interval), target.Target()},
		})
	})
	fars := make(map[string]*harness.Conn)
	for _, v := range vanishings {
		client := dialFrom(t, clients, proxy)
		client.SendText(">")
		far := next(t, accepted)
		far.ExpectText(">")
		v.does(t, client, far)
		fars[v.name] = far
	}
	streaming := dialFrom(t, clients, proxy)
	streaming.SendText(">")
	far := next(t, accepted)
	far.ExpectText(">")
	clients.Lose(t, 1) // each of one
	began := time.Now()
	far.SendText("on its way")
	fars["in a stream"] = far
	// All at once: one after the other they would hide each other's time.
	harness.Until(t, "the targets to be reset", func() bool {
		for name, far := range fars {
			if !wasReset(far) {
				continue
			}
			delete(fars, name)
			if after, most := time.Since(began), 4*interval+4*time.Second; after > most {
				t.Errorf("%s: reset after %v, want %v at most", name, after, most)
			}
		}
		return len(fars) == 0
	})
}

// keepaliveWhileConnecting has a target that does not answer for more than four times TIME.
func keepaliveWhileConnecting(t *testing.T, p *harness.Program) {
	const interval, silence = time.Second, 5500 * time.Millisecond
	x := newCrossing(t)
	f := families[0]
	target := serve(t, x.target, f.on(f.target), harness.Echo)
	dropped, stop := x.target.DropConnects(t, endpoint(target))
	proxy := x.start(t, p, f.on(f.near), "--keepalive="+interval.String(), "--connect-timeout=1min", target.Target())
	client := dialFrom(t, x.client, proxy)
	client.SendText("a request")
	harness.Until(t, "a connect to be dropped", func() bool { return dropped() > 0 })
	<-time.After(silence)
	if n := client.Readable(); n > 0 || hungUp(client.Conn) {
		t.Error("the client has been given up")
	}
	stop()
	client.ExpectText("a request")
}
