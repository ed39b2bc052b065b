package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uring-socket-proxyd/test/lib/figures"
	"uring-socket-proxyd/test/lib/harness"
)

// Names of the units, as in the manual, and of files of the machine.
const (
	proxySocket  = "proxy-to-nginx.socket"
	proxyService = "proxy-to-nginx.service"
	nginxService = "nginx.service"

	units     = "/etc/systemd/system/"
	nginxSite = "/etc/nginx/sites-enabled/default"
	webRoot   = "/srv"

	nginxSocket = "/run/nginx/socket"
)

// Setup is a pair of units for the proxy, and nginx behind them.
type Setup struct {
	Name string
	// Options go before the target in ExecStart=.
	Options []string
	// Engine is the one that the proxy must run on.
	Engine  string
	Install func(m *Machine)
}

// The setups. The units are installed, and not started.
var (
	simple         = &Setup{Name: "uring", Engine: "uring", Install: installSimple}
	simpleEpoll    = &Setup{Name: "epoll", Options: []string{"--engine=epoll"}, Engine: "epoll", Install: installSimple}
	namespace      = &Setup{Name: "uring", Engine: "uring", Install: installNamespace}
	namespaceEpoll = &Setup{Name: "epoll", Options: []string{"--engine=epoll"}, Engine: "epoll", Install: installNamespace}
	notify         = &Setup{Name: "notify", Engine: "uring", Install: installNotify}
	notifyEpoll    = &Setup{Name: "notify-epoll", Options: []string{"--engine=epoll"}, Engine: "epoll", Install: installNotify}
	hardened       = &Setup{Name: "hardened", Engine: "uring", Install: installHardened}
	// without is refused io_uring by its filter, and has to notice that itself.
	without = &Setup{Name: "hardened-without-io_uring", Engine: "epoll", Install: installWithout}

	// In these the kernel kills the proxy for a system call that its filter lacks,
	// instead of refusing it: they show that the filter lacks none that is needed.
	strict      = &Setup{Name: "hardened-strict", Engine: "uring", Install: installStrict}
	strictEpoll = &Setup{Name: "hardened-strict-epoll", Options: []string{"--engine=epoll"}, Engine: "epoll", Install: installStrict}

	allSetups      = []*Setup{notify, notifyEpoll, hardened, without}
	hardenedSetups = []*Setup{hardened, without, strict, strictEpoll}
	strictSetups   = []*Setup{notify, notifyEpoll, without, strict, strictEpoll} // for what makes many system calls
)

// installSimple installs the manual's simple example.
func installSimple(m *Machine) {
	m.InstallExample(simpleExample)
	installNginx(m, "RuntimeDirectory=nginx")
	if len(m.Setup.Options) > 0 {
		m.ExecStart(nginxSocket)
	}
}

// installNamespace installs the manual's namespace example.
func installNamespace(m *Machine) {
	m.InstallExample(namespaceExample)
	installNginx(m, "PrivateTmp=yes\nPrivateNetwork=yes")
	if len(m.Setup.Options) > 0 {
		m.ExecStart("127.0.0.1:8080")
	}
}

// installNotify installs the simple example with Type=notify, which the manual has
// in newer versions.
func installNotify(m *Machine) {
	installSimple(m)
	m.DropIn(proxyService, "notify", "[Service]\nType=notify")
}

// installHardened installs the units of dist/systemd, with the same nginx.
func installHardened(m *Machine) {
	m.InstallExample(simpleExample)
	for _, name := range []string{proxySocket, proxyService} {
		m.Write(units+name, m.distributed(name))
	}
	installNginx(m, "RuntimeDirectory=nginx")
}

func installWithout(m *Machine) {
	installHardened(m)
	m.DropIn(proxyService, "without", "[Service]\nSystemCallFilter=~io_uring_setup io_uring_enter io_uring_register")
}

func installStrict(m *Machine) {
	installHardened(m)
	m.DropIn(proxyService, "strict", "[Service]\nSystemCallErrorNumber=kill")
	if len(m.Setup.Options) > 0 {
		m.ExecStart(nginxSocket)
	}
}

// installNginx makes nginx serve a small file. Settings are for its service unit.
func installNginx(m *Machine, settings string) {
	m.Write(webRoot+"/small", small)
	m.DropIn(nginxService, "test", "[Service]\n"+settings)
}

// distributed is a file of dist/systemd.
func (m *Machine) distributed(name string) string {
	m.t.Helper()
	text, err := os.ReadFile("../../dist/systemd/" + name)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// DropIn adds a drop-in to a unit. Units are loaded anew.
func (m *Machine) DropIn(unit, name, text string) {
	m.t.Helper()
	m.Write(units+unit+".d/"+name+".conf", text+"\n")
	m.Run("systemctl", "daemon-reload")
}

// ExecStart makes the service start the proxy with other arguments, after the
// setup's own.
func (m *Machine) ExecStart(args ...string) {
	m.t.Helper()
	command := strings.Join(append(append([]string{executable}, m.Setup.Options...), args...), " ")
	m.DropIn(proxyService, "test-arguments", "[Service]\nExecStart=\nExecStart="+command)
}

// Listen starts the socket unit.
func (m *Machine) Listen() {
	m.t.Helper()
	m.Run("systemctl", "enable", "--now", "--quiet", proxySocket)
}

// Debug makes the proxy log all it can.
func (m *Machine) Debug() {
	m.t.Helper()
	m.DropIn(proxyService, "debug", "[Service]\nEnvironment=SYSTEMD_LOG_LEVEL=debug")
}

// Stop stops the service and its socket.
func (m *Machine) Stop() {
	m.t.Helper()
	m.Run("systemctl", "stop", proxySocket, proxyService)
}

// Start starts the socket and the service.
func (m *Machine) Start() {
	m.t.Helper()
	m.Listen()
	m.Run("systemctl", "start", proxyService)
}

// Restart restarts the proxy, and leaves its socket.
func (m *Machine) Restart() {
	m.t.Helper()
	figures.Count("restarts", 1)
	m.Run("systemctl", "restart", proxyService)
}

// Property is what systemctl show says of a unit.
func (m *Machine) Property(unit, name string) string {
	m.t.Helper()
	return m.Run("systemctl", "show", "--property="+name, "--value", unit)
}

// AwaitProperty waits until a property has a value.
func (m *Machine) AwaitProperty(unit, name, want string) {
	m.t.Helper()
	harness.Until(m.t, fmt.Sprintf("%s of %s to be %s", name, unit, want), func() bool {
		return m.Property(unit, name) == want
	})
}

// Want checks properties of a unit, given as Name=value.
func (m *Machine) Want(unit string, properties ...string) {
	m.t.Helper()
	for _, property := range properties {
		name, want, _ := strings.Cut(property, "=")
		if got := m.Property(unit, name); got != want {
			m.t.Errorf("%s: %s=%s, want %s", unit, name, got, want)
		}
	}
}

// MainPID is the proxy's process id inside, 0 if it does not run.
func (m *Machine) MainPID() int {
	m.t.Helper()
	text := m.Property(proxyService, "MainPID")
	pid, err := strconv.Atoi(text)
	if err != nil {
		m.t.Fatalf("MainPID=%q", text)
	}
	return pid
}

// Kill sends a signal to the proxy's process.
func (m *Machine) Kill(signal string) {
	m.t.Helper()
	m.Run("systemctl", "kill", "--kill-who=main", "--signal="+signal, proxyService)
}

// Suspend stops the proxy's process, and returns when each of its threads stands
// still.
func (m *Machine) Suspend() {
	m.t.Helper()
	m.Kill("SIGSTOP")
	threads := m.Path(fmt.Sprintf("/proc/%d/task/*/status", m.MainPID()))
	harness.Until(m.t, "the proxy to stand still", func() bool {
		files, err := filepath.Glob(threads)
		if err != nil || len(files) == 0 {
			m.t.Fatalf("no threads in %s (%v)", threads, err)
		}
		return !slices.ContainsFunc(files, func(file string) bool {
			status, err := os.ReadFile(file)
			return err != nil || !strings.Contains(string(status), "\nState:\tT")
		})
	})
}
