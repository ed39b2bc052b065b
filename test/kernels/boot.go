package kernels

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"uring-socket-proxyd/test/kernels/plan"
)

const emulator = "qemu-system-x86_64"

// silence is how long a suite may write nothing before it counts as hung: longer than
// the longest case takes on a machine that is busy with other things. The guest then
// says where it hangs; if it tells nothing for another minute, all of it has hung.
const silence = 8 * time.Minute

// guest is what a guest told.
type guest struct {
	image
	console string // the kernel's
	probe   string
	suites  []*told // in the order of the plan
	trouble []string
	done    bool
	taint   uint64
	took    time.Duration
}

// told is what one suite of a guest wrote and left.
type told struct {
	name    string
	text    bytes.Buffer
	status  string
	figures json.RawMessage
}

// arguments are the emulator's. The processor is one that the oldest of its versions
// in use emulates well enough for all kernels.
func arguments(i image, initramfs, console string) []string {
	return []string{
		"-machine", "q35,accel=tcg", "-cpu", "Haswell-noTSX,-cx16", "-smp", "2", "-m", guestMemory,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", i.compiled, "-initrd", initramfs,
		// The kernel notices when it stalls, which under emulation on a busy machine
		// is no fault of its own; all other alarms are on, and end the guest.
		"-append", "console=ttyS0 loglevel=7 panic=-1 oops=panic printk.devkmsg=on nowatchdog rcupdate.rcu_cpu_stall_suppress=1",
		"-serial", "file:" + console,
		"-serial", "stdio",
	}
}

// guestMemory is a guest's, MiB. The kernel lets all TCP sockets together have a part of
// it (net.ipv4.tcp_mem); beyond that it drops packets, and stalled peers fill much.
const guestMemory = "4096"

// boot runs a plan on a kernel. progress is called with each record. An error is
// trouble of this machine; what goes wrong in the guest is in what it told.
func boot(ctx context.Context, i image, built string, p plan.Plan, progress func(plan.Record)) (*guest, error) {
	directory, err := os.MkdirTemp("", "kernel-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	initramfs, console := filepath.Join(directory, "initramfs"), filepath.Join(directory, "console")
	file, err := os.Create(initramfs)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writeInitramfs(file, built, i, p), file.Close()); err != nil {
		return nil, err
	}
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, emulator, arguments(i, initramfs, console)...)
	// It must not outlive this process, nor die with a thread of it that ends before.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var said bytes.Buffer
	cmd.Stderr = &said
	records, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &guest{image: i}
	const hung = silence + time.Minute
	alarm := time.AfterFunc(hung, func() { cancel(fmt.Errorf("it told nothing for %v", hung)) })
	listenErr := g.listen(records, func(r plan.Record) {
		alarm.Reset(hung)
		progress(r)
	})
	waitErr := cmd.Wait()
	alarm.Stop()
	g.took = time.Since(began)
	if err := context.Cause(ctx); err != nil {
		g.trouble = append(g.trouble, err.Error())
	} else if err := errors.Join(listenErr, waitErr); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", emulator, err, said.String())
	}
	text, err := os.ReadFile(console)
	g.console = strings.ReplaceAll(string(text), "\r", "")
	return g, err
}

// listen takes records until the guest ends.
func (g *guest) listen(from io.Reader, progress func(plan.Record)) error {
	reader := bufio.NewReader(from)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line that it did not finish is lost with it
		}
		if err != nil {
			return err
		}
		var r plan.Record
		if err := json.Unmarshal(line, &r); err != nil {
			g.trouble = append(g.trouble, fmt.Sprintf("it sent what is no record: %q", line))
			continue
		}
		g.take(r)
		progress(r)
	}
}

func (g *guest) take(r plan.Record) {
	switch {
	case r.Suite != "":
		s := g.suite(r.Suite)
		s.text.WriteString(r.Output)
		if r.Status != "" {
			s.status, s.figures = r.Status, r.Figures
		}
	case r.Probe != "":
		g.probe = r.Probe
	case r.Trouble != "":
		g.trouble = append(g.trouble, r.Trouble)
	case r.Done:
		g.done, g.taint = true, r.Taint
	}
}

// suite returns what a suite has told so far.
func (g *guest) suite(name string) *told {
	for _, s := range g.suites {
		if s.name == name {
			return s
		}
	}
	s := &told{name: name}
	g.suites = append(g.suites, s)
	return s
}
