package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Child is a running load process. Its owner calls Stop.
type Child struct {
	First Snapshot // what it said when it was ready

	role    string
	cmd     *exec.Cmd
	input   *os.File
	output  *os.File
	lines   *bufio.Reader
	stderr  bytes.Buffer
	stopped bool
}

// StartServer starts a target; First.Address is where it listens.
func StartServer(config Config) (*Child, error) { return start("server", config) }

// StartClient starts a client and returns when each of its connections works or has
// failed, which First.Errors shows.
func StartClient(config Config) (*Child, error) { return start("client", config) }

func start(role string, config Config) (*Child, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	c := &Child{role: role, cmd: exec.Command("/proc/self/exe", Subcommand, role, string(text))}
	theirInput, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirInput.Close()
	output, theirOutput, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, input.Close())
	}
	defer theirOutput.Close()
	c.input, c.output, c.lines = input, output, bufio.NewReader(output)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirInput, theirOutput, &c.stderr
	// Preemption signals would only disturb a process with one goroutine.
	c.cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	// A process group of its own: the benchmark handles interrupts from the terminal.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("load %s: %w", role, err), input.Close(), output.Close())
	}
	_ = theirOutput.Close() // otherwise the child's end would go unnoticed
	if c.First, err = c.read(); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Mark returns the counts; latencies cover the time since the last Mark.
func (c *Child) Mark() (Snapshot, error) { return c.call(commandMark) }

// Halt stops sending, and returns the counts.
func (c *Child) Halt() (Snapshot, error) { return c.call(commandHalt) }

// Drain waits until the replies to all requests have arrived, or for streams that many
// bytes in total. If they do not arrive, the snapshot's errors say so.
func (c *Child) Drain(bytes uint64) (Snapshot, error) {
	return c.call(fmt.Sprintf("%s %d", commandDrain, bytes))
}

func (c *Child) call(command string) (Snapshot, error) {
	if _, err := c.input.WriteString(command + "\n"); err != nil {
		return Snapshot{}, fmt.Errorf("load %s: %s: %w", c.role, command, err)
	}
	return c.read()
}

// read awaits the next snapshot.
func (c *Child) read() (s Snapshot, err error) {
	if err := c.output.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		return s, err
	}
	line, err := c.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		c.Stop()
		return s, fmt.Errorf("load %s: no answer: %w %s", c.role, err, bytes.TrimSpace(c.stderr.Bytes()))
	}
	return s, nil
}

// Stop ends the process and waits until it has ended. A second call does nothing.
func (c *Child) Stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	_ = c.input.Close() // tells it to quit
	timer := time.AfterFunc(time.Second, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait() // how it ended does not matter
	_ = c.output.Close()
}
