// Init is the first process of a guest: it makes a bare kernel a place where tests
// run, runs them by the plan, sends what they write and powers off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/kernels/plan"
)

// figuresDirectory is where the suites leave what they counted.
const figuresDirectory = "/tmp/figures"

func main() {
	err := prepare()
	port, openErr := openPort()
	if openErr != nil {
		// The console is all that is left.
		fmt.Println("init:", errors.Join(err, openErr))
		powerOff()
	}
	if err == nil {
		err = port.follow(plan.Path)
	}
	if err != nil {
		port.send(plan.Record{Trouble: err.Error()})
	}
	taint, err := taint()
	if err != nil {
		port.send(plan.Record{Trouble: err.Error()})
	}
	port.send(plan.Record{Done: true, Taint: taint})
	port.drain()
	powerOff()
}

// follow does what the plan says.
func (p *port) follow(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var todo plan.Plan
	if err := json.Unmarshal(text, &todo); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, module := range todo.Modules {
		if err := load(module); err != nil {
			p.send(plan.Record{Trouble: err.Error()})
		}
	}
	environment := append(os.Environ(), todo.Environment...)
	if len(todo.Probe) > 0 {
		answer, err := output(todo.Probe, environment)
		if err != nil {
			return err
		}
		p.send(plan.Record{Probe: answer})
	}
	for _, suite := range todo.Suites {
		p.run(suite, environment, todo.Silence)
	}
	return nil
}

func output(command, environment []string) (string, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stderr = environment, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return string(text), nil
}

// run runs one suite and sends what it writes and leaves.
func (p *port) run(suite plan.Suite, environment []string, limit time.Duration) {
	writer := &sender{port: p, suite: suite.Name}
	cmd := exec.Command(suite.Path, suite.Args...)
	cmd.Dir, cmd.Env = "/tmp", append(environment, "FIGURES="+figuresDirectory)
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.WaitDelay = time.Second // what it has started may have its output still
	status := "exit status 0"
	if err := writer.watch(cmd, limit); err != nil {
		status = err.Error()
	}
	// A suite that counts nothing leaves no file.
	figures, err := os.ReadFile(filepath.Join(figuresDirectory, suite.Name+".json"))
	if err != nil {
		figures = nil
	}
	p.send(plan.Record{Suite: suite.Name, Status: status, Figures: figures})
}

// watch runs a suite, and ends it once it has written nothing for as long as limit.
func (s *sender) watch(suite *exec.Cmd, limit time.Duration) error {
	s.silence = newSilence(limit, func() {
		s.port.send(plan.Record{Trouble: fmt.Sprintf("%s wrote nothing for %v", s.suite, limit)})
		dump(suite.Process)
	})
	defer s.silence.end()
	return suite.Run()
}

func taint() (uint64, error) {
	text, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// powerOff does not return: the kernel ends with its first process.
func powerOff() {
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("init: powering off:", err)
	os.Exit(1)
}
