// Package debian downloads packages from the Debian mirror that this machine's apt uses,
// and leaves the machine's own packages alone.
package debian

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

// Archive is where Debian's packages come from.
type Archive struct {
	main, security string // addresses; security may be unknown
	keyring        string
}

// ErrNone means that this machine has no access to Debian's packages.
var ErrNone = errors.New("no Debian mirror")

// debianRelease matches how sources name a release, with what has its security
// updates.
var debianRelease = regexp.MustCompile(`^(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)(-security)?$`)

// Find looks at what this machine's apt uses.
func Find() (Archive, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return Archive{}, fmt.Errorf("%w: there is no apt-get", ErrNone)
	}
	out, err := Output(exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN)\t$(RELEASE)\t$(REPO_URI)", "Created-By: Packages"))
	if err != nil {
		return Archive{}, err
	}
	var a Archive
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
		return Archive{}, fmt.Errorf("%w among the sources of this machine's apt", ErrNone)
	}
	keyrings, _ := filepath.Glob("/usr/share/keyrings/debian-archive-keyring.[gp][pg][gp]")
	if len(keyrings) == 0 {
		return Archive{}, fmt.Errorf("%w that can be trusted: debian-archive-keyring is not installed", ErrNone)
	}
	a.keyring = keyrings[0]
	return a, nil
}

// Sources are the lines for one suite, and the security updates of it. Not every
// suite has those, and an old one's move about.
func (a Archive) Sources(suite string) string {
	lines := fmt.Sprintf("deb [arch=amd64 target=Packages signed-by=%s] %s %s main\n", a.keyring, a.main, suite)
	if a.security != "" && suite != "sid" {
		lines += fmt.Sprintf("deb [arch=amd64 target=Packages signed-by=%s] %s %s-security main\n", a.keyring, a.security, suite)
	}
	return lines
}

// Apt is an apt of its own: its sources, lists and packages are in a directory, and
// the machine's stay as they are.
type Apt struct{ Directory string }

// NewApt makes one in a directory.
func NewApt(directory, sources string) (Apt, error) {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(directory, d), 0o755); err != nil {
			return Apt{}, err
		}
	}
	return Apt{directory}, errors.Join(
		os.WriteFile(filepath.Join(directory, "sources.list"), []byte(sources), 0o644),
		os.WriteFile(filepath.Join(directory, "state/status"), nil, 0o644),
	)
}

// Run runs apt-get or apt-cache.
func (a Apt) Run(command string, args ...string) (string, error) {
	options := []string{
		"-q", "-q",
		"-o", "Dir::Etc::SourceList=" + filepath.Join(a.Directory, "sources.list"),
		"-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State=" + filepath.Join(a.Directory, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.Directory, "state/status"),
		"-o", "Dir::Cache=" + filepath.Join(a.Directory, "cache"),
		"-o", "APT::Architecture=amd64",
		"-o", "APT::Sandbox::User=", // another user could not read a private directory
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Check-Valid-Until=false", // of a release that is not renewed any more
		"-o", "Acquire::Retries=3",
	}
	cmd := exec.Command(command, append(options, args...)...)
	cmd.Dir = a.Directory
	return Output(cmd)
}

// Versions are those of a package that the archive has.
func (a Apt) Versions(name string) (versions []string, err error) {
	table, err := a.Run("apt-cache", "madison", name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(table) {
		// "name | version | source", with spaces to align them
		if fields := strings.Split(line, "|"); len(fields) == 3 {
			versions = append(versions, strings.TrimSpace(fields[1]))
		}
	}
	return versions, nil
}

// Unpack downloads packages, each NAME or NAME=VERSION, and unpacks them into a folder.
func (a Apt) Unpack(root string, packages ...string) error {
	for _, p := range packages {
		if _, err := a.Run("apt-get", "download", p); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(a.Directory, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := Output(exec.Command("dpkg-deb", "-x", f, root)); err != nil {
			return err
		}
	}
	return nil
}

// Output runs a command and returns what it says; an error has what it says of that.
func Output(cmd *exec.Cmd) (string, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, said.String())
	}
	return string(out), nil
}
