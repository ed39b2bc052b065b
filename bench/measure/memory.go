package measure

import (
	"fmt"
)

// Memory returns the bytes of system memory that grow with connections: the kernel's
// objects (sockets, pipes, tasks), kernel stacks and page tables, and the session's own
// pages. Pages that its processes share count once.
//
// MemAvailable would be one number for all of it, but it moves by megabytes with the
// page cache and the kernel's per-processor lists while nothing happens, and it
// would include the load generator's pages. The generator's sockets, though, are
// among the kernel's objects: they are the same for each proxy, and the peer
// "direct" shows what they alone cost.
//
// A session of 0 means no processes.
func Memory(session int) (int64, error) {
	var sum int64
	for _, name := range []string{"Slab", "KernelStack", "PageTables"} {
		kib, ok := field("/proc/meminfo", name)
		if !ok {
			return 0, fmt.Errorf("/proc/meminfo has no %s", name)
		}
		sum += kib << 10
	}
	if session == 0 {
		return sum, nil
	}
	processes, err := members(session)
	if err != nil {
		return 0, err
	}
	for _, m := range processes {
		kib, _ := field(fmt.Sprintf("/proc/%d/smaps_rollup", m.pid), "Pss")
		sum += kib << 10
	}
	return sum, nil
}
