// Package install installs the program into an empty folder and removes it again, as
// `make install` and `make uninstall` do.
package install

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// folder is where the programs are that are installed.
func folder(t *testing.T) string {
	t.Helper()
	built := t.TempDir()
	program, err := os.ReadFile(harness.Epoll.Plain().Executable(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uring-socket-proxyd", "uring-socket-proxyd-top", "proxy-bench"} { // only the first is run
		if err := os.WriteFile(filepath.Join(built, name), program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return built
}

// script runs dist/install.
func script(t *testing.T, root, prefix, built, what string) string {
	t.Helper()
	cmd := exec.Command("../../dist/install", what)
	cmd.Env = append(os.Environ(), "DESTDIR="+root, "PREFIX="+prefix, "BUILT="+built)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dist/install %s: %v\n%s", what, err, out)
	}
	return string(out)
}

// files are all below a folder that are no folders.
func files(t *testing.T, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestInstallAndRemove(t *testing.T) {
	built := folder(t)
	for _, prefix := range []string{"/usr/local", "/opt/proxy"} {
		t.Run(prefix, func(t *testing.T) {
			root := t.TempDir()
			// Somebody else's, in the same folders.
			stranger := filepath.Join(root, prefix, "bin/stranger")
			if err := os.MkdirAll(filepath.Dir(stranger), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(stranger, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			script(t, root, prefix, built, "install")
			script(t, root, prefix, built, "install") // again, over it
			check(t, root, prefix, built)
			script(t, root, prefix, built, "uninstall")
			if left, want := files(t, root), []string{prefix + "/bin/stranger"}; !slices.Equal(left, want) {
				t.Errorf("uninstall leaves %q, want %q", left, want)
			}
			own, err := filepath.Glob(filepath.Join(root, prefix, "*/*/*uring-socket-proxyd*"))
			if more, _ := filepath.Glob(filepath.Join(root, prefix, "lib/*uring-socket-proxyd*")); err != nil || len(own)+len(more) > 0 {
				t.Errorf("uninstall leaves the folders %q %q", own, more)
			}
			script(t, root, prefix, built, "uninstall") // nothing is there, which is no error
		})
	}
}

func check(t *testing.T, root, prefix, built string) {
	t.Helper()
	got := files(t, root)
	want := strings.Fields(script(t, root, prefix, built, "list"))
	want = append(want, prefix+"/bin/stranger")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("installed %q\nwant %q", got, want)
	}
	for _, name := range []string{
		"share/man/man8/uring-socket-proxyd.8", "share/man/man1/proxy-bench.1", "share/doc/uring-socket-proxyd/LICENSE",
		"share/bash-completion/completions/uring-socket-proxyd", "share/fish/vendor_completions.d/uring-socket-proxyd.fish",
		"share/zsh/site-functions/_uring-socket-proxyd",
		"lib/systemd/system/uring-socket-proxyd@.service", "lib/systemd/system/uring-socket-proxyd@.socket",
		"share/doc/uring-socket-proxyd/examples/override.conf", "share/doc/uring-socket-proxyd/docs/memory.md",
	} {
		if !slices.Contains(got, prefix+"/"+name) {
			t.Errorf("%s is not installed", name)
		}
	}
	program := filepath.Join(root, prefix, "bin/uring-socket-proxyd")
	if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "uring-socket-proxyd ") {
		t.Errorf("what is installed does not run: %v: %s", err, out)
	}
	unit, err := os.ReadFile(filepath.Join(root, prefix, "lib/systemd/system/uring-socket-proxyd@.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart="+prefix+"/bin/uring-socket-proxyd ") {
		t.Errorf("the unit does not start %s/bin/uring-socket-proxyd (%v):\n%s", prefix, err, unit)
	}
}

// TestMake is as above, by make, which takes what it has built.
func TestMake(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	// A copy of the tree, which has no bin of its own.
	tree := t.TempDir()
	for _, name := range []string{"Makefile", "dist", "docs", "README.md", "LICENSE"} {
		absolute, err := filepath.Abs("../../" + name)
		if err == nil {
			err = os.Symlink(absolute, filepath.Join(tree, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command("make", append([]string{"-C", tree}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	root := t.TempDir()
	if out, err := run("install", "DESTDIR="+root); err == nil || !strings.Contains(out, "run make first") {
		t.Errorf("without a build, make install ends with %v:\n%s", err, out)
	}
	if found := files(t, root); len(found) > 0 {
		t.Errorf("make install has begun without a build: %q", found)
	}
}
