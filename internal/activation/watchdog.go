package activation

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watchdogInterval reads $WATCHDOG_USEC (microseconds) and $WATCHDOG_PID by the
// rules of sd_watchdog_enabled(3). It returns 0 without an error if the watchdog
// is off or watches another process.
func watchdogInterval() (time.Duration, error) {
	// go-systemd multiplies without a check, and would let a value that wraps
	// around pass as some other interval.
	text := os.Getenv("WATCHDOG_USEC")
	if usec, err := strconv.ParseInt(text, 10, 64); err == nil && usec > math.MaxInt64/int64(time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC=%q is out of range", text)
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("reading WATCHDOG_USEC and WATCHDOG_PID: %w", err)
	}
	return interval, nil
}
