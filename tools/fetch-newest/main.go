// Command fetch-newest downloads the newest systemd-socket-proxyd for the tests, once. If
// that fails it says why, and the tests that compare with it are skipped.
package main

import (
	"fmt"
	"os"

	"uring-socket-proxyd/test/lib/newest"
)

func main() {
	err := newest.Fetch(func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot get the newest systemd-socket-proxyd, so the tests that compare with it will be skipped:", err)
	}
}
