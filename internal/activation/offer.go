package activation

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstDescriptor is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstDescriptor = 3

// offer is what the environment says was passed to this process: count
// descriptors from firstDescriptor on. It says nothing about their kind.
type offer struct {
	count int
	names []string
}

// readOffer reads $LISTEN_PID, $LISTEN_PIDFDID, $LISTEN_FDS and $LISTEN_FDNAMES. An empty offer
// without an error means that nothing was passed: the variables are unset, or
// meant for another process (they leak into children of activated services).
//
// Malformed values are errors, as they are for sd_listen_fds(3).
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
		return offer{}, fmt.Errorf("LISTEN_FDS=%q is not a number of descriptors, need at least 1: "+
			"let the service manager set it", text)
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
			"let the service manager set it", text)
	}
	if pid != os.Getpid() {
		return false, nil
	}
	return listenPIDFDIDIsOurs()
}

// listenPIDFDIDIsOurs reports whether $LISTEN_PIDFDID, which systemd sets from version 259
// on, means this process: unlike a process id, it is never reused. If it cannot be
// compared, the process id has to do.
func listenPIDFDIDIsOurs() (bool, error) {
	text, set := os.LookupEnv("LISTEN_PIDFDID")
	if !set {
		return true, nil
	}
	wanted, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return false, fmt.Errorf("LISTEN_PIDFDID=%q is not the inode of a pidfd: "+
			"let the service manager set it", text)
	}
	own, known := ownPIDFDID()
	return !known || own == wanted, nil
}

// ownPIDFDID returns the inode of this process in the file system of pidfds (Linux 6.9).
// Under a seccomp filter it does not try, because the filter might kill for pidfd_open(2).
func ownPIDFDID() (inode uint64, known bool) {
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err == nil && mode != 0 {
		return 0, false
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var system unix.Statfs_t
	var stat unix.Stat_t
	if unix.Fstatfs(fd, &system) != nil || system.Type != unix.PID_FS_MAGIC || unix.Fstat(fd, &stat) != nil {
		return 0, false // an older kernel has one inode for all pidfds
	}
	return stat.Ino, true
}

// Absence says why Inherited will find nothing, and what to do about it. It must be called
// before Inherited, which removes the variables.
func Absence() error {
	const remedy = "start it from a socket unit, or give --listen=ADDRESS"
	switch pid := os.Getenv("LISTEN_PID"); {
	case pid == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") != "":
		return fmt.Errorf("no sockets passed in to this process: $LISTEN_PIDFDID names another one that had the same process id; %s", remedy)
	case pid != "" && os.Getenv("LISTEN_FDS") != "":
		return fmt.Errorf("no sockets passed in to this process, %d: $LISTEN_PID names %s; "+
			"a wrapper must exec the program, or give --listen=ADDRESS", os.Getpid(), pid)
	case stdinIsSocket():
		return errors.New("no sockets passed in, but standard input is a socket, which cannot be forwarded from: " +
			"remove StandardInput=socket from the unit, or do without inetd, and " + remedy)
	}
	return errors.New("no sockets passed in; " + remedy)
}

// stdinIsSocket reports whether descriptor 0 is a stream socket.
func stdinIsSocket() bool {
	kind, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_STREAM
}

// name returns the name of the i-th descriptor, or the "unknown" that
// sd_listen_fds_with_names(3) uses for one without. Too few or too many names
// are not an error: the original does not look at them at all.
func (o offer) name(i int) string {
	if i < len(o.names) && o.names[i] != "" {
		return o.names[i]
	}
	return "unknown"
}

// unsetOffer removes the variables, so that no child process believes that it was passed
// these descriptors. os.Unsetenv never fails on Linux.
func unsetOffer() {
	for _, name := range []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name)
	}
}
