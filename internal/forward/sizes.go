package forward

// The least that Within chooses, in bytes: the least --pool-size=, and what a connection
// needs to be quick all the same.
const (
	leastPool   = 1 << 20
	leastBuffer = 16 << 10
	leastUnsent = 16 << 10
)

// usualUnsent is what the kernel lets a UNIX socket hold by default (net.core.wmem_default,
// socket(7)).
const usualUnsent = 208 << 10

// Given says which of the sizes the user has set; these do not change.
type Given struct{ Buffer, Pool bool }

// Within makes sizes smaller until what all workers and connections may hold fits a limit
// for the memory of the process and its sockets: half of it is for what the process itself
// holds, a quarter for what its sockets do, and the rest for the program. Below the least
// sizes nobody would gain, as few connections are stuck in both directions at once.
func (l Limits) Within(memory uint64, workers int, given Given) Limits {
	for !given.Pool && l.PoolSize > leastPool && uint64(workers)*uint64(l.PoolSize) > memory/8 {
		l.PoolSize = max(l.PoolSize/2, leastPool)
	}
	for !given.Buffer && l.BufferSize > leastBuffer && l.most(workers) > memory/2 {
		l.BufferSize = max(l.BufferSize/2, leastBuffer)
	}
	if each := memory / 4 / (2 * uint64(l.Connections)); each < usualUnsent {
		l.Unsent = max(int(each), leastUnsent)
	}
	return l
}

// most is what the workers of the io_uring engine may hold: see docs/memory.md. That of
// epoll holds less.
func (l Limits) most(workers int) uint64 {
	block := min(usualBlock, l.BufferSize)
	return uint64(workers)*uint64(l.PoolSize+block) + 2*uint64(l.Connections)*uint64(l.BufferSize+2*block)
}
