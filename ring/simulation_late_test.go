package ring

import (
	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/connection"
	"uring-socket-proxyd/ring/uring"
)

// haunt posts a completion that nobody waits for: another one of an operation of a
// connection that is gone, whose slot may have been reused, or of a cancel.
func (s *simulation) haunt() {
	if len(s.finished) == 0 || len(s.backlog) > 0 {
		return
	}
	data := userData(s.finished[s.rng.IntN(len(s.finished))])
	cancel := data | userData(opCancel)
	switch op := data.operation(); {
	case s.rng.IntN(4) == 0 && op != opAccept && op != opTimer && op != opWake:
		data = cancel
	case op >= opClose || op == opAccept:
		return
	case s.worker.transfers[data.slot()].Generation == data.generation() && s.worker.transfers[data.slot()].State != connection.Free:
		return // the kernel does not complete an operation twice
	}
	cqe := uring.CQE{UserData: uint64(data), Res: -int32([]unix.Errno{unix.ECANCELED, unix.ENOENT, unix.EALREADY, unix.ECONNRESET}[s.rng.IntN(4)])}
	if entry, ok := s.nextBuffer(); ok && !isCancel(data) && s.rng.IntN(4) == 0 {
		// With bytes of the connection that is gone.
		cqe.Res, cqe.Flags = int32(min(10, entry.Len)), uint32(entry.Bid)<<16|giouring.CQEFBuffer
		s.bufferHead++
	}
	if s.queues.Post(cqe) {
		s.late++
	} else if cqe.Flags != 0 {
		s.bufferHead--
	}
}

func isCancel(data userData) bool { return data.operation()&opCancel != 0 }
