package guard

import (
	"io"
	"syscall"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

const (
	messageSize = 64 // bytes: a message that costs nothing but the calls
	block       = 64 << 10
)

// load is work for a proxy. It starts the program, and returns what does some of
// the work and tells how much.
type load func(t *testing.T, program *harness.Program) (proxy *harness.Proxy, work func() (units int))

// start runs a program between a client and a target with that script.
func start(t *testing.T, program *harness.Program, script func(*harness.Conn)) *harness.Proxy {
	t.Helper()
	target := harness.Serve(t, harness.TCP4, script)
	return harness.StartProxyWith(t, program.Plain(), harness.TCP4, harness.Options{Args: []string{target.Target()}, Session: true})
}

// pingPong has one message under way, which is forwarded to the target and back.
func pingPong(t *testing.T, program *harness.Program) (*harness.Proxy, func() int) {
	const times = 1000
	proxy := start(t, program, harness.Echo)
	client := proxy.Dial(t)
	message := make([]byte, messageSize)
	return proxy, func() int {
		for range times {
			client.Send(message)
			client.Expect(message)
			if t.Failed() {
				break
			}
		}
		return 2 * times
	}
}

// volleys has messages of 64 connections come at once: the program is stopped while
// they are written.
func volleys(t *testing.T, program *harness.Program) (*harness.Proxy, func() int) {
	const connections, times = 64, 50
	arrived := make(chan struct{}, connections)
	message := make([]byte, messageSize)
	proxy := start(t, program, func(c *harness.Conn) {
		for piece := make([]byte, messageSize); ; {
			if _, err := io.ReadFull(c, piece); err != nil {
				return // the test has ended
			}
			arrived <- struct{}{}
		}
	})
	var clients []*harness.Conn
	for range connections {
		clients = append(clients, proxy.Dial(t))
	}
	return proxy, func() int {
		for range times {
			proxy.Pause()
			for _, client := range clients {
				client.Send(message)
			}
			proxy.Signal(syscall.SIGCONT)
			for range clients {
				<-arrived
			}
		}
		return connections * times
	}
}

// stream is one way, in blocks.
func stream(t *testing.T, program *harness.Program) (*harness.Proxy, func() int) {
	const size = 64 << 20
	arrived := make(chan error, 1)
	proxy := start(t, program, func(c *harness.Conn) {
		for {
			n, err := io.CopyN(io.Discard, c, size)
			if n == 0 && err != nil {
				return // the test has ended
			}
			arrived <- err
		}
	})
	client := proxy.Dial(t)
	data := make([]byte, block)
	return proxy, func() int {
		for range size / block {
			client.Send(data)
		}
		if err := <-arrived; err != nil {
			t.Error(err)
		}
		return size / block
	}
}

// connects opens connections one after the other, with a message and its reply on
// each.
func connects(t *testing.T, program *harness.Program) (*harness.Proxy, func() int) {
	const times = 300
	proxy := start(t, program, harness.Echo)
	message := make([]byte, messageSize)
	return proxy, func() int {
		for range times {
			client := proxy.Dial(t)
			client.Send(message)
			client.Expect(message)
			client.Close()
		}
		return times
	}
}
