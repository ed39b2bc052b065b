package kernels

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules are what suites want of a kernel beyond what is built in: delay and
// reordering, random loss, pairs of interfaces between network namespaces and what sets
// them up, sockets between machines.
var modules = []string{"sch_netem", "nf_tables", "nft_numgen", "veth", "xfrm_user", "vsock_loopback"}

// orderModules makes the lists that say which module needs which.
func orderModules(root, release string) error {
	if !exists(filepath.Join(root, "lib/modules", release)) {
		// Newer packages put all under /usr, where /lib is a link to.
		if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
			return err
		}
	}
	_, err := output(sbin("depmod"), "-b", root, release)
	return err
}

// modulesOf returns the files of modules and of those that they need, in the order in
// which they must be loaded.
func (i image) modulesOf(names []string) ([]string, error) {
	var files []string
	seen := make(map[string]bool)
	for _, name := range names {
		out, err := output(sbin("modprobe"), "-C", "/dev/null", "-d", i.root, "-S", i.Release, "--show-depends", name)
		if err != nil {
			return nil, fmt.Errorf("module %s of %s: %w", name, i.Release, err)
		}
		for line := range strings.Lines(out) {
			// "insmod FILE", or "builtin NAME"
			what, file, _ := strings.Cut(strings.TrimSpace(line), " ")
			if what == "insmod" && !seen[file] {
				seen[file] = true
				files = append(files, file)
			}
		}
	}
	return files, nil
}

// moduleText is a module as the kernel takes it: older ones unpack none themselves.
func moduleText(path string) ([]byte, error) {
	switch filepath.Ext(path) {
	case ".ko":
		return os.ReadFile(path)
	case ".xz":
		text, err := output("xz", "-dc", path)
		return []byte(text), err
	}
	return nil, fmt.Errorf("%s: packed in a way that is not known here", path)
}

// sbin finds a program that is root's.
func sbin(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/sbin", name)
}
