package connection

import "uring-socket-proxyd/internal/forward"

// SourceFailed handles a source that broke. What came before is still sent, as long as the
// destination takes any, then that is reset; nothing more can be sent to the source.
func (k *Keeper) SourceFailed(h *Half) {
	h.Ended, h.Failed = true, true
	k.mover.NotForLong(h)
	h.Connection.Outcome.Note(forward.ResetBy(h.FromClient()))
	k.Discard(h.Opposite())
}
