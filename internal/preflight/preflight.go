// Package preflight finds out whether Go's runtime can start at all. Where a limit leaves
// it too few threads or too little memory, it ends the program with up to hundreds of lines,
// none of which names the limit, and in part does so before main is called. So the entry of
// a program that is linked with -E=_preflight is in this package's assembly. It looks at the
// limits while nothing of Go runs yet, and either writes one line that says which of them is
// too low, or goes on to the usual entry. It also sees to it that the standard streams are
// open. Without the flag, the program starts as ever.
package preflight

// What the program takes with one worker and the usual options. docs/memory.md tells how
// the numbers come about. The lines have them for people; the assembly has the first of each.
const (
	// Threads is how many there must be room for, the first one included.
	Threads     = 8
	threadsText = "8"

	// addressSpace is more than the runtime takes as it starts: 1097 MiB for two indexes of
	// what memory there could be, 32 MiB for a third, and 64 or 128 MiB for its heap, which
	// begins anywhere. It does not notice if it cannot have the second of the indexes, and
	// then writes to low addresses, whatever is there.
	addressSpace     = 1344 << 20
	addressSpaceText = "1344"

	// data is what can be written to of that.
	data     = 80 << 20
	dataText = "80"
)

// The lines are in the form of the program's last one, see logging.NewQueued.
var (
	threadsLine = "uring-socket-proxyd: cannot start the " + threadsText + " threads that it needs; raise TasksMax= or LimitNPROC= (ulimit -u)\n"

	addressSpaceLine = "uring-socket-proxyd: the limit on the address space is below the " + addressSpaceText + " MiB that it needs; raise LimitAS= (ulimit -v)\n"

	dataLine = "uring-socket-proxyd: the limit on data is below the " + dataText + " MiB that it needs; raise LimitDATA= (ulimit -d)\n"
)

// What the runtime opens in place of standard streams that are closed, and what the entry
// opens where there is no such device, as in an empty root: the runtime would give up.
var (
	nullDevice = "/dev/null\x00"
	rootFolder = "/\x00"
)

// What the assembly keeps of the threads that it tries: of ThreadsFit there is one call at a
// time.
var (
	gate    uint32              // 0 until all are there
	numbers [mostThreads]uint32 // the kernel's
	running [mostThreads]uint32 // the same, and 0 after its end
)

// mostThreads is what ThreadsFit tries at most.
const mostThreads = 256
