package systemd

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// treeCache is the variable that replaces the folder where trees are kept.
const treeCache = "SYSTEMD_TREES"

// packages are what a machine has on top of Debian's smallest system.
const packages = "systemd,systemd-sysv,dbus,nginx-light,curl,socat,jq,python3-minimal"

// finish is run in a new tree. The machine's units are the tests' own business,
// so nginx does not start by itself; what apt has fetched would only take room.
const finish = `systemctl disable nginx.service && apt-get clean && rm -rf /var/lib/apt/lists/*`

// debian returns a Debian tree to boot, of the release that this machine runs. No
// test writes to it.
func debian(t *testing.T) string {
	t.Helper()
	require(t)
	folder := os.Getenv(treeCache)
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("no folder to keep a Debian tree in: %v; name one in %s", err, treeCache)
		}
		folder = filepath.Join(cache, "uring-socket-proxyd", "systemd")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	defer lock(t, folder)()
	release := releaseName(t)
	recipe := sha256.Sum256([]byte(packages + finish))
	tree := filepath.Join(folder, fmt.Sprintf("%s-%x", release, recipe[:4]))
	if _, err := os.Stat(tree); err == nil {
		t.Logf("Debian tree %s, from the cache; delete it to have it made anew", tree)
		return tree
	}
	makeTree(t, release, tree)
	t.Logf("Debian tree %s, made anew", tree)
	return tree
}

// lock makes other test processes wait while a tree is made, and returns what
// lets them go on.
func lock(t *testing.T, folder string) (unlock func()) {
	t.Helper()
	file, err := os.Create(filepath.Join(folder, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { file.Close() }
}

// makeTree runs debootstrap. The tree gets its name when it is complete.
func makeTree(t *testing.T, release, tree string) {
	t.Helper()
	unfinished := tree + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("making a Debian tree in %s: about a minute, once\n", tree)
	follow(t, exec.Command("debootstrap", "--variant=minbase", "--include="+packages, release, unfinished, mirror(t, release)))
	follow(t, exec.Command("chroot", unfinished, "sh", "-ec", finish))
	if err := os.Rename(unfinished, tree); err != nil {
		t.Fatal(err)
	}
}

// follow runs a command and prints how far it is: of lines such as "I: Retrieving
// NAME" the first of each kind.
func follow(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	var all strings.Builder
	seen := make(map[string]bool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "I:" && !seen[words[1]] {
				seen[words[1]] = true
				fmt.Println(" ", strings.Join(words[1:], " "))
			}
		}
	}()
	err := cmd.Run()
	writer.Close()
	<-done
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Args[0], err, all.String())
	}
}

// releaseName is the code name of the Debian that this machine runs.
func releaseName(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	t.Fatal("/etc/os-release names no VERSION_CODENAME")
	return ""
}

// mirror is where apt takes a release from on this machine.
func mirror(t *testing.T, release string) string {
	t.Helper()
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Created-By: Packages").Output()
	if err != nil {
		t.Fatalf("asking apt for its sources: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if codename, site, _ := strings.Cut(strings.TrimSpace(line), " "); codename == release {
			return site
		}
	}
	t.Fatalf("apt has no source of %s; run apt-get update, and see what it says:\n%s", release, out)
	return ""
}
