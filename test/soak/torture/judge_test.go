package torture

import "golang.org/x/sys/unix"

// An end judges what it is told by what the other end has done by then. The kinds of
// violations:
const (
	violationByte       = "a byte that is not what was sent"
	violationCutShort   = "cut short behind a clean end"
	violationHidden     = "a break told as a clean end"
	violationEarlyEnd   = "an end that nobody has sent"
	violationBreak      = "a break that nobody has caused"
	violationError      = "an error that is none of a connection's"
	violationLostEnd    = "an end that never came"
	violationLostBreak  = "a break that never came"
	violationLostHold   = "a break of which an end that held on was never told"
	violationLostStuck  = "a break of which an end that took nothing was never told"
	violationStill      = "bytes that never came"
	violationUnreached  = "a target that was never reached"
	violationLeftAlone  = "a target that was never told of its client"
	violationForeign    = "a target that was told nonsense"
	violationKept       = "a socket kept for ever"
	violationDescriptor = "a descriptor passed wrong"
	violationRefused    = "a client that was refused"
	violationProcess    = "the process"
)

// judgeEnd judges a clean end that an end has received. It is right if the other end has
// ended its stream, by that or by leaving in peace, and if all has come.
//
// UNIX sockets know no reset: to their end, what the other one has broken just ends.
func (e *end) judgeEnd() {
	o := e.other()
	if o == nil {
		e.judgeUnknown(violationEarlyEnd)
		return
	}
	switch {
	case !o.shut && !o.left:
		e.violated(violationEarlyEnd, "the %v received an end after %d bytes, and the %v has sent none", e.who, e.got, o.who)
	case e.got < o.sent && (e.tcp || !o.mayBreak(e)):
		e.violated(violationCutShort, "the %v received %d of %d bytes and then a clean end", e.who, e.got, o.sent)
	case !o.shut && (o.reset || o.unread || o.sawBreak) && e.tcp:
		e.violated(violationHidden, "the %v received a clean end after %d bytes, but the %v had broken off", e.who, e.got, o.who)
	}
}

// judgeBreak judges what an end is told by an error. It is right if the other end has
// reset, or has left before it had all of what this one has sent, or would have. Who has
// all, and just stays, may be told in this way that there is nobody any more; and a UNIX
// socket tells so even while there is something left to receive.
func (e *end) judgeBreak(err error) {
	if err != nil && err != unix.ECONNRESET && err != unix.EPIPE {
		e.violated(violationError, "the %v: %v", e.who, err)
		return
	}
	o := e.other()
	if o == nil {
		e.judgeUnknown(violationBreak)
		return
	}
	if !o.mayBreak(e) && !(o.left && (e.sawEnd || !e.tcp)) {
		e.violated(violationBreak, "the %v after %d bytes: %v", e.who, e.got, err)
	}
}

// mayBreak reports whether what an end has done may break the connection for the other one.
func (e *end) mayBreak(of *end) bool {
	return e.reset || e.unread || e.sawBreak || e.left && max(of.sent, of.tried) > e.got
}

// judgeUnknown judges the end or the break of a client that has no target yet: either
// comes of a target that has left at once, without asking whose it is. Who never says who
// it is has such a target, and where a header is wanted, none at all.
func (e *end) judgeUnknown(violation string) {
	t := e.targets[routes[e.of.plan.route].target]
	switch {
	case e.got > 0:
		e.violated(violation, "%d bytes came of a target that nobody knows", e.got)
	case e.sent < identitySize && (violation == violationEarlyEnd || e.setting.headers), e.of.abrupt:
	case t.abrupt > 0:
		t.abrupt--
		e.of.abrupt = true
	default:
		e.violated(violation, "the client, whose target was never reached")
	}
}

// violated notes a violation and ends the connection, of which nothing else is judged.
func (e *end) violated(kind, format string, args ...any) {
	if e.of.failed {
		return
	}
	e.of.failed = true
	e.stage.violated(kind, e.of, format, args...)
	e.stage.loop.after(0, func() {
		for _, end := range e.of.ends {
			if end != nil {
				end.breakOff()
			}
		}
		e.stage.settle(e.of)
	})
}
