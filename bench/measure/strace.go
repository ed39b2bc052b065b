package measure

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Strace counts like Syscalls if the kernel's counters are not accessible. It stops each
// process twice per system call: the count per message is right, but times are not. The
// owner calls Stop.
type Strace struct {
	cmd    *exec.Cmd
	output *os.File
	ended  bool
}

// StartStrace starts to count, and returns when it does.
func StartStrace(session int) (*Strace, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil, err
	}
	processes, err := members(session)
	if err != nil {
		return nil, err
	}
	output, err := os.CreateTemp("", "strace")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(output.Name())
	arguments := []string{"-f", "-c", "-U", "calls", "-o", "/dev/fd/3"}
	for _, m := range processes {
		arguments = append(arguments, "-p", strconv.Itoa(m.pid))
	}
	s := &Strace{cmd: exec.Command(path, arguments...), output: output}
	s.cmd.ExtraFiles = []*os.File{output}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		_ = output.Close()
		return nil, fmt.Errorf("strace: %w", err)
	}
	// It says "strace: Process N attached" for each, or why it cannot attach.
	line, err := bufio.NewReader(stderr).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	if err != nil || !strings.Contains(line, "attached") {
		s.Stop()
		return nil, fmt.Errorf("strace: %s", strings.TrimSpace(line))
	}
	return s, nil
}

// Count ends it and returns how many system calls there were. It can be called once.
func (s *Strace) Count() (uint64, error) {
	s.end(os.Interrupt) // makes it print
	defer s.output.Close()
	if _, err := s.output.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	text, err := io.ReadAll(s.output)
	if err != nil {
		return 0, err
	}
	if how := s.cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signal() == syscall.SIGKILL {
		return 0, fmt.Errorf("strace was killed before it had printed its counts")
	}
	return total(text)
}

// total returns the last number of the table that -U calls prints: a heading, a rule, a
// line per system call, a rule, and the total. Without any call there is no table.
func total(table []byte) (uint64, error) {
	words := bytes.Fields(table)
	if len(words) == 0 {
		return 0, nil
	}
	for _, word := range slices.Backward(words) {
		if n, err := strconv.ParseUint(string(word), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("strace printed no total: %q", table)
}

// Stop ends it without a result, unless Count has ended it already.
func (s *Strace) Stop() {
	s.end(os.Kill)
	_ = s.output.Close()
}

func (s *Strace) end(signal os.Signal) {
	if s.ended {
		return
	}
	s.ended = true
	_ = s.cmd.Process.Signal(signal)
	timer := time.AfterFunc(3*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	_ = s.cmd.Wait() // it always ends by a signal
}
