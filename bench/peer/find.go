package peer

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// find sets Program and Version, or Missing.
func (p *Peer) find() {
	if p.Name == Direct {
		return
	}
	for _, name := range p.programs {
		if path, err := exec.LookPath(name); err == nil {
			p.Program = path
			break
		}
	}
	if p.Program == "" {
		p.Missing = "not found: " + strings.Join(p.programs, ", ") + `; "make bench" as root installs what Debian has and builds the rest`
		return
	}
	if p.needs != nil {
		p.Missing = p.needs(p.Program)
	}
	if p.couldNotTake != nil {
		p.cannotTake = p.couldNotTake(p.Program)
	}
	if p.version == nil {
		p.Version = runtime.Version() // built with the benchmark
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Some print it on standard error; the exit status does not matter.
	output, _ := exec.CommandContext(ctx, p.Program, p.version...).CombinedOutput()
	p.Version = versionLine(string(output))
}

// versionLine returns the first line with a digit: socat prints its author first.
func versionLine(output string) string {
	for line := range strings.Lines(output) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(output)
}

const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// streamModuleMissing returns why nginx has no stream module, or "".
func streamModuleMissing(nginx string) string {
	if modulePath() != "" {
		return ""
	}
	output, err := exec.Command(nginx, "-V").CombinedOutput()
	if err == nil && strings.Contains(string(output), "--with-stream ") {
		return "" // built in
	}
	return "nginx has no stream module; Debian's package is libnginx-mod-stream"
}

// modulePath returns the path of nginx's loadable stream module, or "".
func modulePath() string {
	if _, err := os.Stat(streamModule); err != nil {
		return ""
	}
	return streamModule
}

// socatTakesNone returns why socat cannot be given a listening socket, or "".
func socatTakesNone(socat string) string {
	output, err := exec.Command(socat, "-h").Output()
	if err == nil && strings.Contains(strings.ToLower(string(output)), "accept-fd:") {
		return ""
	}
	return "this socat has no ACCEPT-FD address to take a listening socket with; 1.8 has"
}
