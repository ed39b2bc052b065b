package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/test/kernels/plan"
)

// port is where records go.
type port struct{ file *os.File }

// openPort opens the serial port as a plain pipe of bytes.
func openPort() (*port, error) {
	file, err := os.OpenFile(plan.Port, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	settings, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plan.Port, err)
	}
	settings.Oflag &^= unix.OPOST
	if err := unix.IoctlSetTermios(int(file.Fd()), unix.TCSETS, settings); err != nil {
		return nil, fmt.Errorf("%s: %w", plan.Port, err)
	}
	return &port{file}, nil
}

// send sends a record. Without the port nobody could be told that it failed, but on
// the console.
func (p *port) send(r plan.Record) {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = p.file.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Println("init: sending a record:", err)
	}
}

// drain waits until all has left the port.
func (p *port) drain() {
	if err := unix.IoctlSetInt(int(p.file.Fd()), unix.TCSBRK, 1); err != nil {
		fmt.Println("init: draining the port:", err)
	}
}

// sender sends what a suite writes, and lets the kernel's console know which tests
// have begun: a kernel that panics leaves nothing else.
type sender struct {
	port    *port
	suite   string
	silence *silence
}

func (s *sender) Write(data []byte) (int, error) {
	s.silence.note()
	s.port.send(plan.Record{Suite: s.suite, Output: string(data)})
	for line := range bytes.Lines(data) {
		if at := bytes.Index(line, []byte("=== RUN")); at >= 0 {
			// It only helps whoever looks for a fault; without it nothing is lost.
			_ = os.WriteFile("/dev/kmsg", fmt.Appendf(nil, "<6>%s: %s", s.suite, line[at:]), 0)
		}
	}
	return len(data), nil
}
