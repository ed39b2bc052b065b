// Package limits runs the proxy under limits that allow few threads, little address space
// or little data. It must either serve, or exit with one line that names the limit; a crash
// of Go's runtime must never be seen.
package limits

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// TestEntry looks at the program itself, as it works without its own entry too.
func TestEntry(t *testing.T) {
	file, err := elf.Open(harness.Epoll.Plain().Executable(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Skipf("the program has no symbols: %v", err)
	}
	for _, s := range symbols {
		if s.Name == "_preflight" && s.Value == file.Entry {
			return
		}
	}
	t.Errorf("the entry, %#x, is not _preflight", file.Entry)
}

// limit is one of the kernel's.
type limit struct {
	name    string
	setting string // what the line tells to raise
	user    bool   // counts the processes of a user, and not root's
	values  []int
	confine func(t *testing.T, value int) (script string)
	serves  int // from this value on, with one worker and either engine
}

var limits = []limit{
	{"nproc", "LimitNPROC=", true, []int{1, 2, 4, 6, 7, 8, 9, 10, 12, 13, 16}, func(_ *testing.T, n int) string {
		// dash calls it p, all others u.
		return fmt.Sprintf("if (ulimit -u %[1]d) 2>/dev/null; then ulimit -u %[1]d; else ulimit -p %[1]d; fi", n)
	}, 8},
	{"pids", "TasksMax=", false, []int{1, 2, 4, 6, 7, 8, 9, 10, 12, 13, 16}, func(t *testing.T, n int) string {
		return "echo $$ >" + newGroup(t, n) + "/cgroup.procs"
	}, 8},
	{"address-space", "LimitAS=", false, []int{10, 100, 600, 740, 1000, 1100, 1150, 1200, 1250, 1343, 1344, 1500, 2000}, func(_ *testing.T, megabytes int) string {
		return fmt.Sprintf("ulimit -v %d", megabytes<<10)
	}, 1344},
	{"data", "LimitDATA=", false, []int{1, 10, 20, 30, 40, 50, 60, 79, 80, 90, 100}, func(_ *testing.T, megabytes int) string {
		return fmt.Sprintf("ulimit -d %d", megabytes<<10)
	}, 80},
}

func TestLimits(t *testing.T) {
	for _, program := range []*harness.Program{harness.Uring, harness.Epoll} {
		for _, l := range limits {
			for _, options := range []string{"", "--workers=3", "--metrics=127.0.0.1:0"} {
				for _, value := range l.values {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", program.Name, l.name, options, value), func(t *testing.T) {
						t.Parallel()
						servesOrTells(t, program, l, value, options)
					})
				}
			}
		}
	}
}

// users are those whose processes are counted, each a test's own.
var users atomic.Uint32

func servesOrTells(t *testing.T, program *harness.Program, l limit, value int, options string) {
	o := harness.Options{MayFail: true}
	if l.user {
		if os.Getuid() != 0 {
			t.Skip("needs root, to be a user without other processes")
		}
		o.User = 200000 + uint32(os.Getpid()%10000)*1000 + users.Add(1)
	}
	target := harness.Serve(t, harness.TCP4, harness.Echo)
	if options != "" {
		o.Args = append(o.Args, options)
	}
	o.Args = append(o.Args, target.Target())
	proxy := harness.StartProxyWith(t, confined(t, program, l.confine(t, value)), harness.TCP4, o)
	served := 0
	for range 20 {
		if serves(proxy) {
			served++
		}
	}
	told := served == 0
	if !told {
		if served != 20 {
			t.Errorf("served %d of 20 clients", served)
		}
		proxy.Signal(syscall.SIGTERM)
	}
	status, lines := proxy.AwaitExit(), proxy.Lines()
	switch {
	case told && (status != "exit status 1" || len(lines) != 1 || !strings.Contains(lines[0], l.setting)):
		t.Errorf("ended with %q and %d lines, need one with %q:\n%s", status, len(lines), l.setting, strings.Join(lines, "\n"))
	case !told && (status != "exit status 0" || len(lines) != 0):
		t.Errorf("after it had served it ended with %q and %d lines:\n%s", status, len(lines), strings.Join(lines, "\n"))
	case told && options == "" && value >= l.serves:
		t.Errorf("did not serve: %s", lines[0])
	}
}

// serves reports whether what a client sends comes back.
func serves(proxy *harness.Proxy) bool {
	client, err := harness.TryDial(proxy.Address, harness.SocketOptions{})
	if err != nil {
		return false // nobody listens any more
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(harness.Patience))
	buffer := make([]byte, 5)
	if _, err := client.Write([]byte("hello")); err != nil {
		return false
	}
	_, err = client.Read(buffer)
	return err == nil
}

// confined is the program under a limit, which a shell sets before it becomes it.
func confined(t *testing.T, program *harness.Program, confine string) *harness.Program {
	t.Helper()
	// Unlike the test's own folder, another user may enter it.
	folder, err := os.MkdirTemp("", "limits-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "confined")
	script := fmt.Sprintf("#!/bin/sh\n%s\nexec %s \"$@\"\n", confine, program.Plain().Executable(t))
	// A child of another test that is forked meanwhile would keep the file open for
	// writing, and nobody could execute it.
	syscall.ForkLock.RLock()
	err = os.WriteFile(path, []byte(script), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return &harness.Program{Name: program.Name, Args: program.Args, Graceful: true, Find: func(testing.TB) string { return path }}
}

// newGroup makes a control group that may have n tasks.
func newGroup(t *testing.T, n int) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		path := fmt.Sprintf("%s/limits-%d-%d", root, os.Getpid(), users.Add(1))
		if os.Mkdir(path, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(path) })
		// Where the controller is not delegated, there is no such file to write to.
		file, err := os.OpenFile(path+"/pids.max", os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		defer file.Close()
		if _, err := file.WriteString(strconv.Itoa(n)); err == nil {
			return path
		}
	}
	t.Skip("no control group can be made for tasks")
	return ""
}
