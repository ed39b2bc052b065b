package kernels

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// archive is where Debian's packages come from.
type archive struct {
	main, security string // addresses; security may be unknown
	keyring        string
}

// errNoDebian tells that this machine has no way to Debian's packages.
var errNoDebian = errors.New("no Debian mirror")

// debianRelease matches how sources name a release, with what has its security
// updates.
var debianRelease = regexp.MustCompile(`^(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)(-security)?$`)

// findArchive looks at what this machine's apt uses.
func findArchive() (archive, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return archive{}, fmt.Errorf("%w: there is no apt-get", errNoDebian)
	}
	out, err := output("apt-get", "indextargets", "--format", "$(ORIGIN)\t$(RELEASE)\t$(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return archive{}, err
	}
	var a archive
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			continue
		}
		origin, release := fields[0], debianRelease.FindStringSubmatch(fields[1])
		// Where the lists were never fetched, apt knows no origin and leaves the
		// variable as it is.
		if release == nil || origin != "Debian" && !strings.HasPrefix(origin, "$") {
			continue
		}
		place := &a.main
		if release[2] != "" {
			place = &a.security
		}
		if *place == "" || origin == "Debian" {
			*place = fields[2]
		}
	}
	if a.main == "" {
		return archive{}, fmt.Errorf("%w among the sources of this machine's apt", errNoDebian)
	}
	keyrings, _ := filepath.Glob("/usr/share/keyrings/debian-archive-keyring.[gp][pg][gp]")
	if len(keyrings) == 0 {
		return archive{}, fmt.Errorf("%w that can be trusted: debian-archive-keyring is not installed", errNoDebian)
	}
	a.keyring = keyrings[0]
	return a, nil
}

// sources are the lines for one suite, and the security updates of it. Not every
// suite has those, and an old one's move about.
func (a archive) sources(suite string) string {
	lines := fmt.Sprintf("deb [arch=amd64 target=Packages signed-by=%s] %s %s main\n", a.keyring, a.main, suite)
	if a.security != "" && suite != "sid" {
		lines += fmt.Sprintf("deb [arch=amd64 target=Packages signed-by=%s] %s %s-security main\n", a.keyring, a.security, suite)
	}
	return lines
}

// apt is an apt of its own: its sources, lists and packages are in a directory, and
// the machine's stay as they are.
type apt struct{ directory string }

func newApt(directory, sources string) (apt, error) {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(directory, d), 0o755); err != nil {
			return apt{}, err
		}
	}
	return apt{directory}, errors.Join(
		os.WriteFile(filepath.Join(directory, "sources.list"), []byte(sources), 0o644),
		os.WriteFile(filepath.Join(directory, "state/status"), nil, 0o644),
	)
}

// run runs apt-get or apt-cache.
func (a apt) run(command string, args ...string) (string, error) {
	options := []string{
		"-q", "-q",
		"-o", "Dir::Etc::SourceList=" + filepath.Join(a.directory, "sources.list"),
		"-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State=" + filepath.Join(a.directory, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.directory, "state/status"),
		"-o", "Dir::Cache=" + filepath.Join(a.directory, "cache"),
		"-o", "APT::Architecture=amd64",
		"-o", "APT::Sandbox::User=", // another user could not read a private directory
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Check-Valid-Until=false", // of a release that is not renewed any more
		"-o", "Acquire::Retries=3",
	}
	cmd := exec.Command(command, append(options, args...)...)
	cmd.Dir = a.directory
	return outputOf(cmd)
}

func output(name string, args ...string) (string, error) {
	return outputOf(exec.Command(name, args...))
}

func outputOf(cmd *exec.Cmd) (string, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, said.String())
	}
	return string(out), nil
}
