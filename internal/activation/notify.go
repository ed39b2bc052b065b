package activation

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier sends messages to the service manager by the protocol of
// sd_notify(3). Without $NOTIFY_SOCKET each of them is a no-op that succeeds.
//
// Its methods may be called from any goroutine. Each opens a socket, sends one
// datagram and closes the socket, so there is nothing to close; a service
// manager that does not read its socket blocks them, as it blocks sd_notify(3).
// A failure to send is worth a log line, not an exit.
type Notifier struct {
	watchdog time.Duration
}

// NewNotifier reads the watchdog's settings from the environment. It always
// returns a usable Notifier: the error reports malformed settings, which leave
// the watchdog off. The original ignores them, so a warning is enough.
//
// The variables stay in the environment, as with the original. This process
// starts no others that could misuse them, and removing them later, while a
// resolver thread of the C library may read the environment, would be a data
// race.
func NewNotifier() (*Notifier, error) {
	watchdog, err := watchdogInterval()
	return &Notifier{watchdog: watchdog}, err
}

// Connected reports whether there is a service manager to send to.
func (n *Notifier) Connected() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Ready reports that start-up is complete: all listeners are served.
func (n *Notifier) Ready() error {
	return send(daemon.SdNotifyReady)
}

// Stopping reports that shutdown has begun. It may take as long as the service
// manager's own limit (TimeoutStopSec=), or extra, if that is not 0
// (EXTEND_TIMEOUT_USEC=, systemd 236).
func (n *Notifier) Stopping(extra time.Duration) error {
	message := daemon.SdNotifyStopping
	if extra > 0 {
		message += fmt.Sprintf("\nEXTEND_TIMEOUT_USEC=%d", extra.Microseconds())
	}
	return send(message)
}

// Watchdog reports that the process is alive. Call it at least twice per
// [Notifier.WatchdogInterval], and only if the engine made progress.
func (n *Notifier) Watchdog() error {
	return send(daemon.SdNotifyWatchdog)
}

// Status sets the line that "systemctl status" shows. Line breaks become
// spaces: in the protocol they would start another assignment.
func (n *Notifier) Status(text string) error {
	return send("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}

// WatchdogInterval is the time without [Notifier.Watchdog] after which the
// service manager takes the process for hung, or 0 if it does not watch the process.
func (n *Notifier) WatchdogInterval() time.Duration {
	return n.watchdog
}

func send(state string) error {
	// false: the variable must outlive the first message.
	_, err := daemon.SdNotify(false, state)
	return err
}
