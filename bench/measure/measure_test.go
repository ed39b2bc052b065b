package measure

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// start runs a shell script in a session of its own, until the test ends.
func start(t *testing.T, script string) (session int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// eventually waits for what a script does soon.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

const spin = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"

func TestCPUCountsEachOnce(t *testing.T) {
	for name, script := range map[string]string{
		"the leader":         spin + "; exec sleep 60",
		"a child that runs":  "(" + spin + "; exec sleep 60) & wait",
		"a child that ended": "(" + spin + "); sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			session := start(t, script)
			// A child moves from the running to the ended: the sum must not fall
			// by more than a tick is wide, nor double.
			var last time.Duration
			settled := 0
			eventually(t, "the work is done", func() bool {
				used, err := CPU(session)
				if err != nil {
					t.Fatal(err)
				}
				if used < last-2*tick {
					t.Fatalf("fell from %v to %v", last, used)
				}
				if settled++; used > last+time.Millisecond || used < 20*time.Millisecond {
					settled = 0
				}
				last = used
				return settled > 40
			})
			if last > 5*time.Second {
				t.Errorf("%v for a short loop", last)
			}
			time.Sleep(50 * time.Millisecond)
			if again, err := CPU(session); err != nil || again-last > 2*tick {
				t.Errorf("sleeping took %v, %v", again-last, err)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	session := start(t, "exec 7</dev/null 8</dev/null; sleep 60 & wait")
	eventually(t, "both processes hold both descriptors", func() bool {
		held, err := Held(session)
		if err != nil {
			t.Fatal(err)
		}
		// Some shells keep a duplicate in both.
		return held.Descriptors >= 2*(3+2) && held.Descriptors < 2*(3+2)+5 && held.PeakRSS > 500<<10 && held.PeakRSS < 50<<20
	})
}

func TestWakeUps(t *testing.T) {
	asleep, awake := start(t, "exec sleep 60"), start(t, "while :; do sleep 0.01; done")
	time.Sleep(100 * time.Millisecond)
	count := func(session int) int64 {
		n, err := WakeUps(session)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	quiet, busy := count(asleep), count(awake)
	time.Sleep(300 * time.Millisecond)
	if n := count(asleep) - quiet; n != 0 {
		t.Errorf("a sleeping process woke up %d times", n)
	}
	if n := count(awake) - busy; n < 3 {
		t.Errorf("a busy process woke up %d times", n)
	}
}

func TestMemory(t *testing.T) {
	system, err := Memory(0)
	if err != nil || system <= 0 {
		t.Fatalf("%d, %v", system, err)
	}
	if with, err := Memory(start(t, "exec sleep 60")); err != nil || with <= 0 {
		t.Errorf("%d, %v", with, err)
	}
}

func TestSyscalls(t *testing.T) {
	session := start(t, "exec dd if=/dev/zero of=/dev/null bs=1")
	eventually(t, "dd runs", func() bool {
		used, err := CPU(session)
		return err == nil && used > 20*time.Millisecond
	})
	for name, begin := range map[string]func() (interface{ Count() (uint64, error) }, error){
		"perf":   func() (interface{ Count() (uint64, error) }, error) { return CountSyscalls(session) },
		"strace": func() (interface{ Count() (uint64, error) }, error) { return StartStrace(session) },
	} {
		t.Run(name, func(t *testing.T) {
			counter, err := begin()
			if err != nil {
				t.Skipf("not possible here: %v", err)
			}
			defer counter.(interface{ Stop() }).Stop()
			before, err := CPU(session)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "dd goes on", func() bool {
				used, err := CPU(session)
				return err == nil && used > before+30*time.Millisecond
			})
			if n, err := counter.Count(); err != nil || n < 100 {
				t.Errorf("counted %d, %v", n, err)
			}
		})
	}
}

// TestStraceOfNothing counts while a process sleeps: strace prints no table then.
func TestStraceOfNothing(t *testing.T) {
	session := start(t, "exec sleep 60")
	eventually(t, "sleep sleeps", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", session))
		return err == nil && strings.HasPrefix(string(text), fmt.Sprint(unix.SYS_CLOCK_NANOSLEEP)+" ")
	})
	counter, err := StartStrace(session)
	if err != nil {
		t.Skipf("not possible here: %v", err)
	}
	defer counter.Stop()
	// strace begins the call anew when it attaches (restart_syscall), which may count.
	if n, err := counter.Count(); err != nil || n > 1 {
		t.Errorf("counted %d, %v", n, err)
	}
}

func TestNoSession(t *testing.T) {
	if _, err := CPU(-1); err == nil {
		t.Error("no error for a session that does not exist")
	}
}
