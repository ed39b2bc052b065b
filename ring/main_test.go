package ring

import (
	"fmt"
	"os"
	"testing"

	"uring-socket-proxyd/test/lib/figures"
)

// TestMain leaves the figures of this package's tests, those of TestModel.
func TestMain(m *testing.M) {
	status := m.Run()
	if err := figures.Write(status == 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}
