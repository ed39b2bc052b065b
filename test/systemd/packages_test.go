package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
)

// makePackages makes the packages for this machine's architecture.
func makePackages(t *testing.T) (deb, rpm string) {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	cmd := exec.Command("../../dist/packages/build", runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		if regexp.MustCompile(`dial tcp|no such host|GOPROXY=off|module lookup disabled`).Match(out) {
			t.Skipf("nfpm is not available from the module proxy:\n%s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	one := func(pattern string) string {
		found, err := filepath.Glob("../../bin/packages/" + pattern)
		if err != nil || len(found) != 1 {
			t.Fatalf("%d packages are called %s, want one (%v)", len(found), pattern, err)
		}
		return found[0]
	}
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	return one("*_" + runtime.GOARCH + ".deb"), one("*." + machine + ".rpm")
}

// TestPackages installs the package for Debian where it is new, uses it, puts it over
// itself, removes and purges it; and looks into both.
func TestPackages(t *testing.T) {
	tree := debian(t)
	deb, rpm := makePackages(t)
	t.Run("lintian", func(t *testing.T) { lintian(t, deb) })
	t.Run("rpm", func(t *testing.T) { lookIntoRPM(t, rpm) })
	t.Run("use", func(t *testing.T) {
		figures.Count("cases", 1)
		usePackage(t, Boot(t, tree), deb)
	})
}

func lintian(t *testing.T, deb string) {
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skip("lintian is not installed; tools/install-packages installs it on Debian")
	}
	// What it says of the changelog's distribution and the like differs by release.
	out, err := exec.Command("lintian", "--allow-root", "--fail-on=error", "--tag-display-limit=0", deb).CombinedOutput()
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	if len(out) > 0 {
		t.Logf("lintian says:\n%s", out)
	}
}

func lookIntoRPM(t *testing.T, rpm string) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not installed; tools/install-packages installs it on Debian")
	}
	root := t.TempDir()
	// Debian's rpm knows of no installed packages, and of no scripts' shell below root.
	out, err := exec.Command("rpm", "--root", root, "--install", "--nodeps", "--noscripts", rpm).CombinedOutput()
	if err != nil {
		t.Fatalf("rpm --install: %v\n%s", err, out)
	}
	version, err := exec.Command(root+"/usr/bin/uring-socket-proxyd", "--version").Output()
	if err != nil || !strings.HasPrefix(string(version), "uring-socket-proxyd ") {
		t.Errorf("what is installed says %q, %v", version, err)
	}
	for _, name := range []string{"lib/systemd/system/" + templateService, "share/man/man8/uring-socket-proxyd.8.gz",
		"share/zsh/site-functions/_uring-socket-proxyd", "share/doc/uring-socket-proxyd/LICENSE"} {
		if _, err := os.Stat(root + "/usr/" + name); err != nil {
			t.Error(err)
		}
	}
}

func usePackage(t *testing.T, m *Machine, deb string) {
	m.Run("umount", executable)
	m.Run("rm", executable)
	m.InstallExample(simpleExample)
	m.Run("rm", units+proxySocket, units+proxyService)
	installNginx(m, "RuntimeDirectory=nginx")
	m.Run("systemctl", "start", nginxService)
	content, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	m.Write("/root/proxy.deb", string(content))
	const leftovers = "find / -xdev -name '*uring*socket*proxy*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/var/log/*'"
	if found := m.Run("sh", "-c", leftovers); found != "" {
		t.Fatalf("already there: %s", found)
	}
	fetch := func() {
		t.Helper()
		if text := m.Run("curl", "-sS", "--fail", "--max-time", "20", "http://localhost:8080/small") + "\n"; text != small {
			t.Errorf("fetched %q", text)
		}
	}
	m.Run("dpkg", "--install", "/root/proxy.deb")
	if state := m.Run("sh", "-c", "systemctl list-units --plain --no-legend 'uring-socket-proxyd@*'"); state != "" {
		t.Errorf("installing has started %s", state)
	}
	m.Write("/etc/uring-socket-proxyd/8080.conf", "TARGET="+nginxSocket+"\n")
	m.Run("systemctl", "enable", "--now", "--quiet", "uring-socket-proxyd@8080.socket")
	fetch()
	const service = "uring-socket-proxyd@8080.service"
	m.Want(service, "ActiveState=active", "FragmentPath=/lib/systemd/system/"+templateService)
	pid := m.Property(service, "MainPID")
	m.Run("dpkg", "--install", "/root/proxy.deb") // an upgrade, to itself
	if m.Property(service, "MainPID") == pid {
		t.Error("an upgrade leaves the old program running")
	}
	fetch()
	m.Run("dpkg", "--remove", "uring-socket-proxyd")
	if _, err := m.Try("curl", "-sS", "--max-time", "20", "http://localhost:8080/small"); err == nil {
		t.Error("the proxy still runs after its removal")
	}
	if text := m.Run("cat", "/etc/uring-socket-proxyd/8080.conf"); text == "" {
		t.Error("removing, not purging, takes what the administrator has written")
	}
	m.Run("dpkg", "--purge", "uring-socket-proxyd")
	m.Run("rm", "/root/proxy.deb")
	if left := m.Run("sh", "-c", leftovers); left != "" {
		t.Errorf("purging leaves:\n%s", left)
	}
	if known, _ := m.Try("dpkg-query", "--show", "uring-socket-proxyd"); known != "" {
		t.Errorf("dpkg still knows %s", known)
	}
}
