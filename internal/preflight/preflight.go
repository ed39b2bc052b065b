// Package preflight checks whether Go's runtime can start at all. If a limit leaves the
// runtime too few threads or too little memory, it ends the program with up to hundreds of
// lines, none of which names the limit, and sometimes before main is called. So the entry
// of a program that is linked with -E=_preflight is in this package's assembly. It looks at
// the limits before any Go code runs, and either writes one line that says which of them is
// too low, or goes on to the usual entry. It also makes sure that the standard streams are
// open. Without the flag, the program starts as usual.
package preflight

// What the program needs with one worker and the usual options; docs/memory.md explains
// the numbers. The assembly uses the number, the lines its text.
const (
	// Threads is how many threads there must be room for, including the first one.
	Threads     = 8
	threadsText = "8"

	// addressSpace is more than the runtime takes at its start: 1097 MiB for two indexes of
	// all possible memory, 32 MiB for a third, and 64 or 128 MiB for its heap, which can
	// begin anywhere. If it is refused the second index, it does not notice, and writes to
	// low addresses, whatever is there.
	addressSpace     = 1344 << 20
	addressSpaceText = "1344"

	// data is the writable part of that.
	data     = 80 << 20
	dataText = "80"
)

// The lines look like the program's own last line, see logging.NewQueued.
var (
	threadsLine = "uring-socket-proxyd: cannot start the " + threadsText + " threads that it needs; raise TasksMax= or LimitNPROC= (ulimit -u)\n"

	addressSpaceLine = "uring-socket-proxyd: the limit on the address space is below the " + addressSpaceText + " MiB that it needs; raise LimitAS= (ulimit -v)\n"

	dataLine = "uring-socket-proxyd: the limit on data is below the " + dataText + " MiB that it needs; raise LimitDATA= (ulimit -d)\n"
)

// What the runtime opens in place of closed standard streams, and what the entry opens if
// that device does not exist, as in an empty root: the runtime would give up.
var (
	nullDevice = "/dev/null\x00"
	rootFolder = "/\x00"
)

// What the assembly notes about the threads that it starts. There is one call of ThreadsFit
// at a time.
var (
	gate    uint32              // 0 until all have started
	numbers [mostThreads]uint32 // thread ids
	running [mostThreads]uint32 // the same, set to 0 by the kernel when a thread ends
)

// mostThreads is how many threads ThreadsFit starts at most.
const mostThreads = 256
