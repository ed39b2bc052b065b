// Package newest provides the newest systemd-socket-proxyd, from Debian unstable, for
// tests to compare with in addition to the one on the machine. It is unpacked into a
// folder together with the C library that it was built for, and run by that library's
// loader, so it runs on older systems, and nothing is installed.
package newest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"uring-socket-proxyd/test/lib/debian"
)

// cacheVariable names another folder than one of the user's cache to keep it in.
const cacheVariable = "NEWEST_CACHE"

// packages are what it takes; they bring all libraries that the program is linked to.
var packages = []string{"systemd", "libsystemd-shared", "libc6"}

// launcher starts the program by the loader in the same folder, wherever that is.
const launcher = `#!/bin/sh
here=${0%/*}/usr/lib
libraries=$here/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" "$here/systemd/systemd-socket-proxyd" "$@"
`

// errOtherMachine means that this machine cannot run it.
var errOtherMachine = errors.New("the newest systemd-socket-proxyd is taken for amd64 only")

// Path is where the program is. The error says that it was not fetched, and how to.
func Path() (string, error) {
	if runtime.GOARCH != "amd64" {
		return "", errOtherMachine
	}
	cache, err := debian.Cache(cacheVariable, "newest")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder(cache), "systemd-socket-proxyd")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the newest systemd-socket-proxyd is not in %s; tools/install-packages fetches it where apt has a Debian mirror", cache)
	}
	return path, nil
}

func folder(cache string) string { return filepath.Join(cache, "systemd") }

// Fetch downloads the program if it is not there. It asks for no newer one: whoever
// wants that removes the folder.
func Fetch(say func(format string, args ...any)) error {
	if runtime.GOARCH != "amd64" {
		return errOtherMachine
	}
	cache, err := debian.Cache(cacheVariable, "newest")
	if err != nil {
		return err
	}
	unlock, err := debian.Lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := Path(); err == nil {
		return nil
	}
	say("downloading the newest systemd-socket-proxyd to %s", cache)
	return download(folder(cache))
}

// download unpacks the packages into a directory, which exists only when all is in it.
func download(directory string) error {
	from, err := debian.Find()
	if err != nil {
		return err
	}
	work := directory + ".new"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	a, err := debian.NewApt(filepath.Join(work, "apt"), from.Sources("sid"))
	if err != nil {
		return err
	}
	if _, err := a.Run("apt-get", "update"); err != nil {
		return err
	}
	root := filepath.Join(work, "root")
	if err := a.Unpack(root, packages...); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "systemd-socket-proxyd"), []byte(launcher), 0o755); err != nil {
		return err
	}
	return os.Rename(root, directory)
}
