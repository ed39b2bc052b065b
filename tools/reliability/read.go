package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"uring-socket-proxyd/test/lib/figures"
)

// suite is what a suite left, and the folder it is in, which is that of the make target
// that ran it.
type suite struct {
	figures.Suite
	folder string
}

// read returns the suites that left figures below directory. If there are none, that is an
// error: an empty report would look like the report of a run.
func read(directory string) ([]suite, error) {
	var suites []suite
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		s := suite{folder: filepath.Base(filepath.Dir(path))}
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &s.Suite)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; remove it, and run its tests again", path, err)
		}
		suites = append(suites, s)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(suites) == 0 {
		return nil, fmt.Errorf("no figures in %s; run make test, make kernels, make systemd, make soak or make torture", directory)
	}
	slices.SortStableFunc(suites, func(a, b suite) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kernel, b.Kernel))
	})
	return suites, err
}
