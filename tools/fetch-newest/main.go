// Fetch downloads the newest systemd-socket-proxyd for the tests, once. Where that
// cannot be had it says why, and the tests that compare with it skip.
package main

import (
	"fmt"
	"os"

	"uring-socket-proxyd/test/lib/newest"
)

func main() {
	err := newest.Fetch(func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "the newest systemd-socket-proxyd cannot be had, so the tests that compare with it will skip:", err)
	}
}
