package main

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bufpool"
)

const (
	// heapAtLeast and heapForConnection are what the Go heap can grow to, including what
	// is not collected yet.
	heapAtLeast       = 8 << 20
	heapForConnection = 16 << 10
	// runtimeSpare is left for what the runtime maps in addition to its heap.
	runtimeSpare = 8 << 20
)

// reserveMemory maps the Go heap as far as it may have to grow, if the address space or
// the data of the process is limited (LimitAS=, LimitDATA=): the runtime ends the program
// when it is refused memory, whereas the engines can do without another block.
func reserveMemory(connections int) error {
	if !memoryIsLimited() {
		return nil
	}
	heap := heapAtLeast + heapForConnection*connections
	room, err := bufpool.Map(heap + runtimeSpare)
	if err != nil {
		return errors.New("the limit on the address space or the data of the process is too low: " +
			"raise LimitAS= (ulimit -v) or LimitDATA= (ulimit -d), or give a smaller --connections-max=")
	}
	bufpool.Unmap(room)
	runtime.KeepAlive(make([]byte, heap)) // untouched, so it takes no memory
	bufpool.Spare(runtimeSpare)
	return nil
}

func memoryIsLimited() bool {
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var limit unix.Rlimit
		if unix.Getrlimit(resource, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
			return true
		}
	}
	return false
}
