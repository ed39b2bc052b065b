package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"uring-socket-proxyd/bench/load"
	"uring-socket-proxyd/bench/peer"
)

// activationPatience is how long a proxy can take to start.
const activationPatience = 5 * time.Second

// activate measures how long the first client waits: this process acts as the service
// manager, and starts a proxy for each client. The figure is the median.
func (t *trial) activate(ctx context.Context) error {
	if err := t.serve(); err != nil {
		return err
	}
	latencies := hdrhistogram.New(1, int64(time.Minute), 3)
	for started, i := time.Now(), 0; i == 0 || time.Since(started) < t.window(); i++ {
		if err := sleep(ctx, 0); err != nil {
			return err
		}
		took, err := t.activateOnce(filepath.Join(t.directory, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if err := latencies.RecordValue(int64(took)); err != nil {
			return err
		}
	}
	seconds := float64(latencies.ValueAtQuantile(50)) / 1e9
	t.round.ActivateSeconds, t.round.Latency = &seconds, load.Summarize(latencies)
	return nil
}

// activateOnce returns the wait of one client, from connect to the first byte back.
func (t *trial) activateOnce(directory string) (took time.Duration, err error) {
	if err := os.Mkdir(directory, 0o700); err != nil {
		return 0, err
	}
	listener, address, err := peer.Listen("")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	started := time.Now()
	client, err := net.Dial("tcp4", address)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	message := load.Payload(t.Seed, t.scenario.MessageSize)
	if _, err := client.Write(message); err != nil {
		return 0, err
	}
	proxy, err := t.peer.Activate(listener, t.server.First.Address, directory)
	if err != nil {
		return 0, err
	}
	t.proxy = proxy
	defer func() {
		t.proxy = nil
		proxy.Stop()
	}()
	t.describe(t.peer, proxy)
	if err := client.SetReadDeadline(started.Add(activationPatience)); err != nil {
		return 0, err
	}
	reply := make([]byte, len(message))
	n, err := client.Read(reply)
	took = time.Since(started)
	if err == nil {
		_, err = io.ReadFull(client, reply[n:])
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("no reply: %w; %s wrote: %s", err, t.peer.Name, proxy.Log()), proxy.Check())
	}
	if !bytes.Equal(reply, message) {
		return 0, errors.New("client: the reply has wrong bytes")
	}
	return took, t.hold()
}
