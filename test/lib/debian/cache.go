package debian

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Cache is the folder where what was downloaded stays between runs: the one that a
// variable of the environment names, or else one of the user's cache.
func Cache(variable, name string) (string, error) {
	if directory := os.Getenv(variable); directory != "" {
		return filepath.Abs(directory)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: say by %s=DIRECTORY where to keep what is downloaded", err, variable)
	}
	return filepath.Join(base, "uring-socket-proxyd", name), nil
}

// Lock makes a cache and keeps other runs out of it.
func Lock(cache string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}
