package forward

// Limits bound what an engine uses: connections, memory and descriptors.
type Limits struct {
	Connections int // simultaneous connections let in
	BufferSize  int // bytes that a half may hold before it stops reading
	PoolSize    int // bytes of a worker's buffer pool, in the io_uring engine
	Unsent      int // about how many bytes a socket may hold that its peer has not taken; 0 leaves that to the kernel
	Descriptors int // RLIMIT_NOFILE; 0 if it does not matter
	Passed      int // descriptors that a half may hold to pass them on: those of one message, or 0 if none are passed on
}

// Turn is how many bytes a stream may move before others get their turn. Up to that, it
// moves all there is: its peers are then woken once for much rather than often for little,
// and it is the waking that costs. 256 KiB took twice the CPU time of 4 MiB; more than
// 4 MiB gained nothing.
const Turn = 4 << 20

// The defaults of Limits, in bytes.
const (
	DefaultBufferSize = 1 << 20
	DefaultPoolSize   = 8 << 20
)
