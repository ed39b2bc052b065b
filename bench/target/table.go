package target

const (
	uring = "uring"
	busy  = "uring-busy"
	epoll = "epoll"

	throughput = "throughput"
	cpu        = "CPU"
	p50        = "latency p50"
	p99        = "latency p99"
	p999       = "latency p99.9"
)

// table lists the targets for readers: a line for each figure, a column for each opponent.
var table = []struct {
	scenarios                []string
	peer, figure             string
	original, best, absolute Bound
}{
	{scenarios: in("echo-1"), peer: uring, figure: p50, original: atMost(1), best: atMost(1)},
	{scenarios: in("echo-1"), peer: uring, figure: p99, original: atMost(1), best: atMost(1)},
	{scenarios: in("echo-1"), peer: busy, figure: p50, original: atMost(0.7), best: atMost(0.7)},
	{scenarios: in("echo-8"), peer: uring, figure: throughput, original: atLeast(2), best: atLeast(1.05)},
	{scenarios: in("echo-64"), peer: uring, figure: throughput, original: atLeast(3.5), best: atLeast(1.1)},
	{scenarios: in("echo-1000"), peer: uring, figure: throughput, original: atLeast(9), best: atLeast(1.25)},
	{scenarios: in("echo-1000"), peer: uring, figure: p999, original: below(1), best: atMost(0.5)},
	{scenarios: in("connect-8"), peer: uring, figure: throughput, original: atLeast(1.5), best: atLeast(0.99)},
	{scenarios: in("connect-8"), peer: uring, figure: cpu, original: atMost(0.6), best: atMost(0.95)},
	{scenarios: in("stream-1"), peer: uring, figure: throughput, original: atLeast(1.4), best: atLeast(1.4)},
	{scenarios: in("stream-1"), peer: uring, figure: cpu, original: atMost(0.7), best: atMost(0.7)},
	{scenarios: in("stream-16"), peer: uring, figure: throughput, original: atLeast(1.2), best: atLeast(1.2)},
	{scenarios: in("stream-16"), peer: uring, figure: cpu, original: atMost(0.8), best: atMost(0.8)},
	{scenarios: in("stream-64"), peer: uring, figure: throughput, original: atLeast(1.2), best: atLeast(1.2)},
	{scenarios: in("stream-64"), peer: uring, figure: cpu, original: atMost(0.8), best: atMost(0.8)},
	{scenarios: in("duplex-8"), peer: uring, figure: throughput, original: atLeast(1.2), best: atLeast(1.2)},
	{scenarios: in("idle-3000"), peer: uring, figure: "memory per idle connection", original: atMost(0.45)},
	{scenarios: in("idle-3000"), peer: uring, figure: "descriptors per idle connection", absolute: atMost(2)},
	{scenarios: in("idle-3000"), peer: uring, figure: "wake-ups while idle", absolute: atMost(0)},
	{scenarios: in("activate"), peer: uring, figure: "time to first byte", original: atMost(0.8)},

	// Without io_uring, nobody should lose by switching to this program.
	{scenarios: in("echo-1", "echo-8"), peer: epoll, figure: throughput, original: atLeast(1)},
	{scenarios: in("echo-64"), peer: epoll, figure: throughput, original: atLeast(2)},
	{scenarios: in("echo-1000", "connect-8", "stream-1", "stream-16", "stream-64", "duplex-8", "unix-64", "unix-stream-8"),
		peer: epoll, figure: throughput, original: atLeast(1)},
}

func in(scenarios ...string) []string { return scenarios }

func atLeast(value float64) Bound { return Bound{AtLeast, value} }
func atMost(value float64) Bound  { return Bound{AtMost, value} }
func below(value float64) Bound   { return Bound{Below, value} }
