package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

// TestProxyProtocolReceivers has nginx and haproxy tell which address they have been
// told by the header: the client's, for IPv4 and IPv6.
func TestProxyProtocolReceivers(t *testing.T) {
	receivers := map[string]string{"nginx": tellingNginx(t), "haproxy": tellingHaproxy(t)}
	curl := need(t, "curl")
	forEach(t, func(t *testing.T, p *harness.Program) {
		for name, socket := range receivers {
			for _, version := range []string{"v1", "v2"} {
				for _, tr := range []harness.Transport{harness.TCP4, harness.TCP6} {
					t.Run(strings.Join([]string{name, version, string(tr)}, "/"), func(t *testing.T) {
						proxy := harness.StartProxy(t, p, tr, socket, "--proxy-protocol="+version)
						host, _, _ := net.SplitHostPort(proxy.Address.Text)
						out := string(run(t, curl, "-sS", "--fail", "--max-time", "60", "-w", "%{local_port}", "http://"+proxy.Address.Text))
						told, port, _ := strings.Cut(out, "\n")
						if want := host + " " + port; told != want {
							t.Errorf("it was told %q, the client has %q", told, want)
						}
					})
				}
			}
		}
	})
}

// tellingNginx starts an nginx that requires a header, and answers with the address and
// port in it.
func tellingNginx(t *testing.T) (socket string) {
	nginx := need(t, "nginx", "/usr/sbin/nginx")
	dir := harness.ShortDir(t)
	socket = filepath.Join(dir, "http")
	config := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr warn; %[2]s
events { worker_connections 512; }
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server { listen unix:%[3]s proxy_protocol; return 200 "$proxy_protocol_addr $proxy_protocol_port\n"; }
}
`, dir, asRoot("user root;"), socket)
	path := write(t, dir, "nginx.conf", config)
	background(t, exec.Command(nginx, "-p", dir, "-e", "stderr", "-c", path))
	awaitListening(t, harness.Address{Network: "unix", Text: socket})
	return socket
}

// tellingHaproxy starts a haproxy that does the same.
func tellingHaproxy(t *testing.T) (socket string) {
	haproxy := need(t, "haproxy", "/usr/sbin/haproxy")
	dir := harness.ShortDir(t)
	socket = filepath.Join(dir, "http")
	config := fmt.Sprintf(`global
	maxconn 100
defaults
	mode http
	timeout client 60s
	timeout connect 60s
	timeout server 60s
frontend told
	bind unix@%s accept-proxy
	http-request return status 200 content-type text/plain lf-string "%%[src] %%[src_port]\n"
`, socket)
	path := write(t, dir, "haproxy.cfg", config)
	background(t, exec.Command(haproxy, "-db", "-f", path))
	awaitListening(t, harness.Address{Network: "unix", Text: socket})
	return socket
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// asRoot is the text if the test runs as root, else nothing.
func asRoot(text string) string {
	if os.Getuid() == 0 {
		return text
	}
	return ""
}
