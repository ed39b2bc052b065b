package clients

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

const bigSize = 256 << 20

// webRoot makes a directory with a big file and a small one, and returns the
// SHA-256 of the big one.
func webRoot(t *testing.T, size int64) (dir, sum string) {
	t.Helper()
	dir = harness.ShortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil { // a server may drop its rights
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if err := harness.NewPattern(harness.Seed(t), 0).SendTo(io.MultiWriter(file, hash), size, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "small"), []byte("small file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("%x", hash.Sum(nil))
}

// startNginx serves a directory on a UNIX socket and returns its path.
func startNginx(t *testing.T, nginx, root string) string {
	t.Helper()
	dir := harness.ShortDir(t)
	socket := filepath.Join(dir, "http")
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	config := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr warn; %[4]s
events { worker_connections 512; }
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server { listen unix:%[2]s; root %[3]s; }
}
`, dir, socket, root, user)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	background(t, exec.Command(nginx, "-p", dir, "-e", "stderr", "-c", path))
	awaitListening(t, harness.Address{Network: "unix", Text: socket})
	return socket
}

func TestNginxAndCurl(t *testing.T) {
	nginx, curl := need(t, "nginx", "/usr/sbin/nginx"), need(t, "curl")
	root, sum := webRoot(t, bigSize)
	socket := startNginx(t, nginx, root)
	forEach(t, func(t *testing.T, p *harness.Program) {
		proxy := harness.StartProxy(t, p.Plain(), harness.TCP4, socket)
		url := "http://" + proxy.Address.Text
		t.Run("big file", func(t *testing.T) { fetchBig(t, curl, url, sum) })
		t.Run("keep-alive", func(t *testing.T) { fetchOnOneConnection(t, curl, url) })
		t.Run("50 at once", func(t *testing.T) { fetchAtOnce(t, curl, url) })
	})
}

func fetchBig(t *testing.T, curl, url, sum string) {
	hash := sha256.New()
	cmd := exec.Command(curl, "-sS", "--fail", "--max-time", "100", url+"/big")
	cmd.Stdout = hash
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)); got != sum {
		t.Errorf("SHA-256 %s, want %s", got, sum)
	}
}

// fetchOnOneConnection has curl count the connections that it makes.
func fetchOnOneConnection(t *testing.T, curl, url string) {
	args := []string{"-sS", "--fail", "--max-time", "60", "-w", "connects=%{num_connects}\n"}
	for range 20 {
		args = append(args, url+"/small")
	}
	out := string(run(t, curl, args...))
	if n := strings.Count(out, "small file\n"); n != 20 {
		t.Errorf("%d files of 20", n)
	}
	connects := 0
	for _, match := range regexp.MustCompile(`connects=(\d+)`).FindAllStringSubmatch(out, -1) {
		n, _ := strconv.Atoi(match[1])
		connects += n
	}
	if connects != 1 {
		t.Errorf("%d connections, want 1 that is kept alive", connects)
	}
}

func fetchAtOnce(t *testing.T, curl, url string) {
	if !bytes.Contains(run(t, curl, "--help", "all"), []byte("--parallel-immediate")) {
		t.Skip("this curl has no --parallel-immediate")
	}
	args := []string{"-sS", "--fail", "--max-time", "60", "-Z", "--parallel-max", "50", "--parallel-immediate"}
	for range 200 {
		args = append(args, url+"/small")
	}
	if n := bytes.Count(run(t, curl, args...), []byte("small file\n")); n != 200 {
		t.Errorf("%d files of 200", n)
	}
}

func TestPythonHTTPServer(t *testing.T) {
	python, curl := need(t, "python3"), need(t, "curl")
	root, sum := webRoot(t, 32<<20)
	// The server has no way to say which port it got other than this line.
	cmd := exec.Command(python, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "0")
	reader, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // the status of a killed program says nothing
	})
	line := make([]byte, 256)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`port (\d+)`).FindSubmatch(line[:n])
	if match == nil {
		t.Fatalf("no port in %q", line[:n])
	}
	forEach(t, func(t *testing.T, p *harness.Program) {
		proxy := harness.StartProxy(t, p, harness.TCP4, "127.0.0.1:"+string(match[1]))
		url := "http://" + proxy.Address.Text
		fetchBig(t, curl, url, sum)
		if out := run(t, curl, "-sS", "--fail", url+"/small"); string(out) != "small file\n" {
			t.Errorf("got %q", out)
		}
		if out, err := exec.Command(curl, "-sS", "--fail", url+"/none").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("404")) {
			t.Errorf("a missing file: %q, %v", out, err)
		}
	})
}
