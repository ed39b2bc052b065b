package kernels

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"uring-socket-proxyd/test/lib/debian"
)

// image is a kernel as its packages bring it.
type image struct {
	kernel
	Release  string // as uname -r says
	Version  string // of the package
	root     string // where the packages are unpacked
	compiled string // the kernel itself
}

// short names the kernel in a table.
func (i image) short() string {
	if numbers := strings.SplitN(i.Release, ".", 3); i.Name == "newest" && len(numbers) == 3 {
		return numbers[0] + "." + numbers[1]
	}
	return i.Name
}

// obtain returns a kernel's image from the cache, downloading it first if need be.
// say reports progress.
func obtain(k kernel, say func(format string, args ...any)) (image, error) {
	cache, err := debian.Cache("KERNELS_CACHE", "kernels")
	if err != nil {
		return image{}, err
	}
	directory := filepath.Join(cache, k.Name)
	unlock, err := debian.Lock(cache)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	if _, err := os.Stat(directory); errors.Is(err, os.ErrNotExist) {
		say("%s: downloading to %s", k.Name, directory)
		if err := download(k, directory); err != nil {
			return image{}, fmt.Errorf("kernel %s: %w", k.Name, err)
		}
	}
	i, err := open(k, directory)
	if err != nil {
		return image{}, fmt.Errorf("kernel %s in %s, which may be removed: %w", k.Name, directory, err)
	}
	say("%s: %s of package version %s, in %s", k.Name, i.Release, i.Version, directory)
	return i, nil
}

// download unpacks a kernel's packages into a directory, which exists only when all
// is in it.
func download(k kernel, directory string) error {
	from, err := debian.Find()
	if err != nil {
		return err
	}
	work := directory + ".new"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	a, err := debian.NewApt(filepath.Join(work, "apt"), from.Sources(k.Suite))
	if err != nil {
		return err
	}
	// An update fails if one of the sources is gone. Another may have the kernel.
	_, updateErr := a.Run("apt-get", "update")
	best, err := newest(a, k.Image)
	if err != nil {
		return errors.Join(err, updateErr)
	}
	root := filepath.Join(work, "root")
	parts := slices.Clone(best.parts)
	for i := range parts {
		parts[i] += "=" + best.version
	}
	if err := a.Unpack(root, parts...); err != nil {
		return err
	}
	if err := orderModules(root, best.release); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "kernel"), []byte(best.release+" "+best.version), 0o644); err != nil {
		return err
	}
	return os.Rename(root, directory)
}

// candidate is a kernel that the archive has.
type candidate struct {
	release, version string
	parts            []string // names of packages
}

// newest finds the newest kernel whose package has a name like that.
func newest(a debian.Apt, pattern string) (candidate, error) {
	list, err := a.Run("apt-cache", "search", "--names-only", pattern)
	if err != nil {
		return candidate{}, err
	}
	var best candidate
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		versions, err := a.Versions(name)
		if err != nil {
			return candidate{}, err
		}
		for _, version := range versions {
			if best.version == "" || exec.Command("dpkg", "--compare-versions", version, "gt", best.version).Run() == nil {
				release := strings.TrimPrefix(strings.TrimPrefix(name, "linux-image-"), "linux-binary-")
				best = candidate{release: release, version: version}
			}
		}
	}
	if best.version == "" {
		return candidate{}, fmt.Errorf("the mirror has no package with a name like %s", pattern)
	}
	// Newer kernels are in several packages, of which one may be empty.
	for _, part := range []string{"linux-image-", "linux-binary-", "linux-modules-"} {
		versions, err := a.Versions(part + best.release)
		if err != nil {
			return candidate{}, err
		}
		if slices.Contains(versions, best.version) {
			best.parts = append(best.parts, part+best.release)
		}
	}
	return best, nil
}

// open finds the parts of an image.
func open(k kernel, directory string) (image, error) {
	text, err := os.ReadFile(filepath.Join(directory, "kernel"))
	if err != nil {
		return image{}, err
	}
	release, version, _ := strings.Cut(string(text), " ")
	i := image{kernel: k, Release: release, Version: version, root: directory}
	for _, path := range []string{"boot/vmlinuz-" + release, "usr/lib/modules/" + release + "/vmlinuz"} {
		if path = filepath.Join(directory, path); exists(path) {
			i.compiled = path
			return i, nil
		}
	}
	return image{}, errors.New("there is no vmlinuz")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func output(name string, args ...string) (string, error) {
	return debian.Output(exec.Command(name, args...))
}
