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

// plentyOfThreads is more threads than the program will have on a machine of usual size.
// With room for that many, the Go runtime can start them whenever it wants to.
const plentyOfThreads = 64

// provideThreads starts all threads that the options can ever need, if a limit leaves
// room for only a few (TasksMax=, LimitNPROC=). The Go runtime would start them when it
// needs them, and end the program if it cannot: under load, or when other processes have
// used up what was left.
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

// threadsAreScarce reports whether there is no room for plentyOfThreads. It tries only if
// a limit is small: the limit alone does not decide, as the user's other processes count
// towards LimitNPROC=, and it does not apply to a privileged process.
func threadsAreScarce() bool {
	more, limited := cgroup.Tasks()
	limited = limited && more < plentyOfThreads
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) == nil && limit.Cur < 16*plentyOfThreads {
		limited = true
	}
	return limited && !preflight.ThreadsFit(plentyOfThreads)
}

// closingThreads is how many threads can wait in CloseApart at a time.
const closingThreads = 2

// threadsFor returns how many threads can be busy at the same time, and what to do if
// there is no room for them.
func threadsFor(o *options) (need int, remedy string) {
	need, remedy = preflight.Threads, "raise"
	if workers := int(o.workers); workers > 1 {
		// One for each worker, and one that the Go scheduler runs: see makeRoomFor.
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

// startThreads makes the runtime start threads until there are n. The runtime keeps idle
// threads.
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
	held.Wait() // while they are held, the runtime would start others
}

// threads returns how many threads the Go runtime has.
func threads() int {
	n, _ := runtime.ThreadCreateProfile(nil)
	return n
}
