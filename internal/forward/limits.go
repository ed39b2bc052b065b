package forward

// Limits are the explicit bounds of everything.
type Limits struct {
	Connections int // simultaneous connections let in
	BufferSize  int // bytes that a half may hold before it stops reading
	PoolSize    int // bytes of a worker's buffer pool, in the io_uring engine
	Unsent      int // bytes that a socket may hold that its peer does not take, about; 0 leaves that to the kernel
	Descriptors int // RLIMIT_NOFILE; 0 if it is not to be reckoned with
	Passed      int // descriptors that a half may hold to pass them on: those of one message, or 0 if none are passed on
}

// Turn is how many bytes a stream may move before others get their turn. A stream
// is drained as far as that goes: its peers are then woken once for much, not often
// for little, and waking them is what costs. 256 KiB took twice the CPU of 4 MiB,
// more gained nothing.
const Turn = 4 << 20

// The defaults of Limits, in bytes.
const (
	DefaultBufferSize = 1 << 20
	DefaultPoolSize   = 8 << 20
)
