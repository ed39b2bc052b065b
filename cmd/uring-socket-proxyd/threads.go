package main

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/cgroup"
	"uring-socket-proxyd/internal/preflight"
	"uring-socket-proxyd/internal/socket"
)

// plentyOfThreads is more than the program will have, on a machine of usual size. With room
// for so many the Go runtime may start them when it likes to.
const plentyOfThreads = 64

// provideThreads starts all threads that the options can ever need, where a limit leaves
// room for few (TasksMax=, LimitNPROC=). The Go runtime would start them as it needs them,
// and end the program if it cannot: under load, or when others have taken what was left.
func provideThreads(o *options) error {
	if !threadsAreScarce() {
		return nil
	}
	runtime.GOMAXPROCS(1) // makeRoomFor raises it
	need, remedy := threadsFor(o)
	if more := need - threads(); more > 0 && !preflight.ThreadsFit(more) {
		return fmt.Errorf("cannot start the %d threads that these options need; "+
			"%s TasksMax= or LimitNPROC= (ulimit -u)", need, remedy)
	}
	if o.passed() > 0 {
		socket.CloseAtMost(closingThreads)
	}
	startThreads(need)
	return nil
}

// threadsAreScarce tells whether there is no room for plenty. Only where a limit is small
// that is tried: for LimitNPROC= the user's other processes count too, and none if the
// process is privileged.
func threadsAreScarce() bool {
	more, limited := cgroup.Tasks()
	limited = limited && more < plentyOfThreads
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) == nil && limit.Cur < 16*plentyOfThreads {
		limited = true
	}
	return limited && !preflight.ThreadsFit(plentyOfThreads)
}

// closingThreads is how many may wait in CloseApart.
const closingThreads = 2

// threadsFor is how many threads can be busy at the same time, and what to do about it.
func threadsFor(o *options) (need int, remedy string) {
	need, remedy = preflight.Threads, "raise"
	if workers := int(o.workers); workers > 1 {
		// One for each, and one that the Go scheduler has run: see makeRoomFor.
		need, remedy = need+2*(workers-1)+1, "give fewer --workers=, or raise"
	}
	if o.metrics != "" {
		need += 2 // one reads /proc while another one runs
	}
	if o.passed() > 0 {
		need += closingThreads + 1
	}
	return need, remedy
}

// startThreads has the runtime start threads until there are n. It keeps those that are
// idle.
func startThreads(n int) {
	release := make(chan struct{})
	var held sync.WaitGroup
	for threads() < n {
		holds := make(chan struct{})
		held.Go(func() {
			runtime.LockOSThread()
			close(holds)
			<-release
			runtime.UnlockOSThread()
		})
		<-holds
	}
	close(release)
	held.Wait() // as long as they are held, others would be started
}

// threads is how many the Go runtime has.
func threads() int {
	n, _ := runtime.ThreadCreateProfile(nil)
	return n
}
