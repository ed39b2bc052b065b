package systemd

import (
	"os"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
)

const (
	templateService = "uring-socket-proxyd@.service"
	templateSocket  = "uring-socket-proxyd@.socket"
)

// settings are a unit's lines [Service] without comments, apart from those that name
// the command.
func settings(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile("../../dist/systemd/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n[Service]\n")
	section, _, _ = strings.Cut(section, "\n[")
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && !strings.HasPrefix(line, "ExecStart=") && !strings.HasPrefix(line, "Environment") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestTemplateIsHardened holds the template to what the hardened unit may do, with what
// tcp-target.conf adds.
func TestTemplateIsHardened(t *testing.T) {
	want := settings(t, proxyService)
	for _, line := range settings(t, "tcp-target.conf") {
		name, _, _ := strings.Cut(line, "=")
		if name != "SystemCallFilter" && name != "RestrictAddressFamilies" { // these add to each other
			want = slices.DeleteFunc(want, func(l string) bool { return strings.HasPrefix(l, name+"=") })
		}
		want = append(want, line)
	}
	families := "RestrictAddressFamilies="
	want = slices.DeleteFunc(want, func(l string) bool { return strings.HasPrefix(l, families) })
	want = append(want, families+"AF_UNIX AF_INET AF_INET6")
	got := settings(t, templateService)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s has\n%s\nwant\n%s", templateService, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTemplate forwards two ports by two instances, to targets on TCP and on a UNIX
// socket.
func TestTemplate(t *testing.T) {
	m := Boot(t, debian(t))
	figures.Count("cases", 1)
	for _, name := range []string{templateService, templateSocket} {
		m.Write(units+name, m.distributed(name))
	}
	for _, listen := range []string{"unix:" + nginxSocket, "127.0.0.1:8080"} {
		m.Write("/etc/nginx/sites-enabled/"+strings.ReplaceAll(listen, "/", "-"),
			"server { listen "+listen+"; root "+webRoot+"; }\n")
	}
	m.Run("rm", "-f", nginxSite)
	installNginx(m, "RuntimeDirectory=nginx")
	m.Run("systemctl", "start", nginxService)
	m.Write("/etc/uring-socket-proxyd/80.conf", "TARGET="+nginxSocket+"\n")
	m.Write("/etc/uring-socket-proxyd/127.0.0.1:81.conf", "TARGET=127.0.0.1:8080\nOPTIONS=--connections-max=5 --exit-idle-time=1min\n")
	verify := "systemd-analyze verify --man=no uring-socket-proxyd@80.service uring-socket-proxyd@80.socket 2>&1"
	if said, err := m.Try("sh", "-c", verify); err != nil || said != "" {
		t.Errorf("systemd-analyze verify: %v: %s", err, said)
	}
	for instance, want := range map[string]string{
		"80":           " " + nginxSocket,
		"127.0.0.1:81": " --connections-max=5 --exit-idle-time=1min 127.0.0.1:8080",
	} {
		service := "uring-socket-proxyd@" + instance + ".service"
		socket := "uring-socket-proxyd@" + instance + ".socket"
		m.Run("systemctl", "enable", "--now", "--quiet", socket)
		m.Want(service, "ActiveState=inactive")
		port := instance[strings.LastIndexByte(instance, ':')+1:]
		if text := m.Run("curl", "-sS", "--fail", "--max-time", "20", "http://127.0.0.1:"+port+"/small") + "\n"; text != small {
			t.Errorf("fetched %q from %s", text, instance)
		}
		m.Want(service, "ActiveState=active", "NRestarts=0")
		command := m.Run("sh", "-c", "tr '\\0' ' ' </proc/$(systemctl show -P MainPID "+service+")/cmdline")
		if command != executable+want+" " {
			t.Errorf("%s runs %q, want %q", service, command, executable+want)
		}
		if fds := m.Run("sh", "-c", "ls -l /proc/$(systemctl show -P MainPID "+service+")/fd"); !strings.Contains(fds, "anon_inode:[io_uring]") {
			t.Errorf("%s does not use io_uring:\n%s", service, fds)
		}
	}
	// Restarted by whoever has changed its file, it has the new options.
	m.Write("/etc/uring-socket-proxyd/80.conf", "TARGET=/nobody/here\n")
	m.Run("systemctl", "restart", "uring-socket-proxyd@80.service")
	if _, err := m.Try("curl", "-sS", "--fail", "--max-time", "20", "http://127.0.0.1/small"); err == nil {
		t.Error("after a restart it still leads to the old target")
	}
}

// TestOverride puts the proxy in the place of the original, in a unit that names that.
func TestOverride(t *testing.T) {
	m := Boot(t, debian(t))
	figures.Count("cases", 1)
	m.InstallExample(simpleExample)
	m.Write(units+proxyService, "[Unit]\nRequires=nginx.service\nAfter=nginx.service\n[Service]\n"+
		"ExecStart=/lib/systemd/systemd-socket-proxyd --exit-idle-time=1min "+nginxSocket+"\n")
	installNginx(m, "RuntimeDirectory=nginx")
	m.Setup = &Setup{Engine: "epoll"} // the original has no ring
	m.Start()
	m.Fetch()
	m.wantEngine()
	m.DropIn(proxyService, "override", m.distributed("override.conf"))
	m.Restart()
	m.Fetch()
	m.Setup = &Setup{Engine: "uring"}
	m.wantEngine()
	m.Run("rm", units+proxyService+".d/override.conf")
	m.Run("systemctl", "daemon-reload")
	m.Restart()
	m.Fetch()
	m.Setup = &Setup{Engine: "epoll"}
	m.wantEngine()
}
