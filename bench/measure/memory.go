package measure

import (
	"fmt"
)

// Memory is bytes of the system's memory that connections make grow: what the
// kernel holds in objects (sockets, pipes, tasks), kernel stacks and page tables,
// and the session's own pages. Pages that its processes share count once in all.
//
// MemAvailable would be one number for all of it, but moves by megabytes with the
// page cache and the kernel's per-processor lists while nothing happens; and it
// would count the load generator's pages. The generator's sockets, though, are
// among the kernel's objects: they are the same for each proxy, and the peer
// "direct" shows what they cost alone.
//
// A session of 0 stands for no processes.
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
