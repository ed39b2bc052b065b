package activation

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// firstDescriptor is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstDescriptor = 3

// offer is what the environment says was passed to this process: count
// descriptors from firstDescriptor on. It says nothing about what they are.
type offer struct {
	count int
	names []string
}

// readOffer reads $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES. An empty offer
// without an error means that nothing was passed: the variables are unset, or
// meant for another process (they leak into children of activated services).
//
// Malformed values are errors, as they are for sd_listen_fds(3). They must be
// found here: go-systemd takes them for "nothing was passed".
func readOffer() (offer, error) {
	ours, err := listenPIDIsOurs()
	if err != nil || !ours {
		return offer{}, err
	}
	text, set := os.LookupEnv("LISTEN_FDS")
	if !set {
		return offer{}, nil
	}
	count, err := strconv.Atoi(text)
	if err != nil || count <= 0 || count > math.MaxInt32-firstDescriptor {
		return offer{}, fmt.Errorf("LISTEN_FDS=%q is not a count of descriptors, need a number from 1: "+
			"leave setting it to the service manager", text)
	}
	return offer{count: count, names: strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")}, nil
}

func listenPIDIsOurs() (bool, error) {
	text, set := os.LookupEnv("LISTEN_PID")
	if !set {
		return false, nil
	}
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 {
		return false, fmt.Errorf("LISTEN_PID=%q is not a process id: "+
			"leave setting it to the service manager", text)
	}
	return pid == os.Getpid(), nil
}

// name returns the name of the i-th descriptor, or the "unknown" that
// sd_listen_fds_with_names(3) uses for one without. Too few or too many names
// are no error: the original does not look at them at all.
func (o offer) name(i int) string {
	if i < len(o.names) && o.names[i] != "" {
		return o.names[i]
	}
	return "unknown"
}

// unsetOffer removes the variables, so that no child takes descriptors for its
// own that it does not have. os.Unsetenv never fails on Linux.
func unsetOffer() {
	for _, name := range []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name)
	}
}
