package report

// Outcome is how a connection has ended, in the words of the log.
type Outcome uint8

// With ClientEnded and TargetEnded, both streams have been delivered whole, and the name says
// whose ended first. After any later one, both sides are reset, or the client is closed if
// there was no target for it.
const (
	Open Outcome = iota
	ClientEnded
	TargetEnded
	ClientReset // or the kernel has given it up, as by --keepalive=
	TargetReset
	ClientLeft // while it waited for a target, without a request
	IdleTimeout
	TargetUnreachable
	BadHeader
	GivenUp // at the limit, in favour of a new client
	OutOfMemory
	DescriptorsLost // or could not be passed on
	Stopped         // with the program
)

var outcomes = [...]string{"open", "client-ended", "target-ended", "client-reset", "target-reset", "client-left",
	"idle-timeout", "target-unreachable", "bad-header", "given-up", "out-of-memory", "descriptors-lost", "stopped"}

func (o Outcome) String() string { return outcomes[o] }

// EndedBy is the outcome when a side has ended its stream.
func EndedBy(client bool) Outcome {
	if client {
		return ClientEnded
	}
	return TargetEnded
}

// ResetBy is the outcome when a side is found broken.
func ResetBy(client bool) Outcome {
	if client {
		return ClientReset
	}
	return TargetReset
}

// Note takes what happens to a connection. The first end counts, unless the connection
// breaks afterwards; then the first cause of that.
func (o *Outcome) Note(happened Outcome) {
	if *o == Open || *o <= TargetEnded && happened > TargetEnded {
		*o = happened
	}
}
