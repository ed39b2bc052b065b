package statistics

// Sample is state that only the worker itself can read, or the sum of several workers'. A
// worker is asked for it through its inbox, and answers on its own thread. So it can count
// without regard to readers, and pays for them only when they ask.
type Sample struct {
	Ring RingCounts
	Pool PoolUse
}

// RingCounts are counts since start of an io_uring; 0 in an engine without one.
type RingCounts struct{ Enters, Submissions, Completions, Overflows, Dropped, Full uint64 }

// PoolUse is how much of a pool of buffers is currently in use.
type PoolUse struct {
	Buffers   int
	Available int // buffers that the kernel can pick from
	Bytes     int // size of all buffers
	Parked    int // bytes of blocks for what slow peers have not taken
}

// Add adds the sample of another worker.
func (s *Sample) Add(other Sample) {
	for _, row := range RingTotals {
		*row.Of(&s.Ring) += *row.Of(&other.Ring)
	}
	for _, row := range PoolGauges {
		*row.Of(&s.Pool) += *row.Of(&other.Pool)
	}
}

// RingTotal is one of RingCounts as --metrics= reports it.
type RingTotal struct {
	Metric
	Of func(*RingCounts) *uint64
}

// What --metrics= reports about the rings; RingTotals lists it.
var (
	Enters = RingTotal{Metric{Name: "ring_enters_total", Help: "Calls to io_uring_enter."},
		func(r *RingCounts) *uint64 { return &r.Enters }}
	Submissions = RingTotal{Metric{Name: "ring_submissions_total", Help: "Operations submitted to the kernel."},
		func(r *RingCounts) *uint64 { return &r.Submissions }}
	Completions = RingTotal{Metric{Name: "ring_completions_total", Help: "Completions reaped from the kernel."},
		func(r *RingCounts) *uint64 { return &r.Completions }}
	Overflows = RingTotal{Metric{Name: "ring_overflows_total", Help: "Times a completion queue was found to have overflowed; the kernel keeps what does not fit."},
		func(r *RingCounts) *uint64 { return &r.Overflows }}
	Dropped = RingTotal{Metric{Name: "ring_dropped_total", Help: "Completions lost by the kernel for lack of memory."},
		func(r *RingCounts) *uint64 { return &r.Dropped }}
	Full = RingTotal{Metric{Name: "ring_full_total", Help: "Times a submission queue was full, which costs an extra call."},
		func(r *RingCounts) *uint64 { return &r.Full }}

	RingTotals = [...]RingTotal{Enters, Submissions, Completions, Overflows, Dropped, Full}
)

// PoolGauge is one of PoolUse as --metrics= reports it.
type PoolGauge struct {
	Metric
	Of func(*PoolUse) *int
}

// What --metrics= reports about the pools; PoolGauges lists it.
var (
	PoolBytes = PoolGauge{Metric{Name: "pool_bytes", Help: "Total size of the buffers of all workers, in bytes."},
		func(p *PoolUse) *int { return &p.Bytes }}
	PoolBuffers = PoolGauge{Metric{Name: "pool_buffers", Help: "Number of buffers of all workers."},
		func(p *PoolUse) *int { return &p.Buffers }}
	PoolAvailable = PoolGauge{Metric{Name: "pool_buffers_available", Help: "Buffers that the kernel can receive into."},
		func(p *PoolUse) *int { return &p.Available }}
	PoolParked = PoolGauge{Metric{Name: "pool_parked_bytes", Help: "Bytes of memory outside the pool that hold what slow peers have not taken."},
		func(p *PoolUse) *int { return &p.Parked }}

	PoolGauges = [...]PoolGauge{PoolBytes, PoolBuffers, PoolAvailable, PoolParked}
)
