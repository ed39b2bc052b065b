package ring

import (
	"time"

	"uring-socket-proxyd/bufpool"
)

// When buffers run out, two things keep one peer from starving the others:
//
//   - Halves that found no buffer wait in line and resume in order, as many at a
//     time as there are buffers.
//   - A half whose destination does not take its bytes is moved out of the pool:
//     its send is cancelled and its bytes are copied to memory of their own,
//     from where sending goes on. What it can hold there is bounded, as it does
//     not read while it is over its limit.

// scarcityTick is how often slow halves are looked for while buffers are scarce.
const scarcityTick = 50 * time.Millisecond

// slowTicks is after how many ticks a send counts as slow. The first may come
// right after the send began, so two is the least that means anything.
const slowTicks = 2

// waiting is a half in line for a buffer. The generation tells whether the
// connection is still the one that got in line.
type waiting struct {
	half       *half
	generation uint32
}

// over tells that the half waits no more: its connection has ended.
func (n waiting) over() bool {
	return n.half.done || !n.half.starved || n.half.connection.generation != n.generation
}

// starve puts a half at the end of the line.
func (w *worker) starve(h *half) {
	if h.starved || h.done {
		return
	}
	h.starved = true
	w.line = append(w.line, waiting{h, h.connection.generation})
	w.counters.Starved.Add(1)
}

// feed lets halves at the head of the line resume, one for each buffer that the
// kernel can pick from, and watches for scarcity.
func (w *worker) feed() {
	done := 0
	for buffers := w.pool.Available(); done < len(w.line) && (buffers > 0 || w.line[done].over()); done++ {
		if next := w.line[done]; !next.over() {
			next.half.starved = false
			w.receive(next.half)
			buffers--
		}
	}
	w.line = w.line[:copy(w.line, w.line[done:])]
	if !w.scarcity.running && w.scarce() {
		w.start(w.scarcity, scarcityTick)
	}
}

func (w *worker) scarce() bool { return w.pool.Scarce() || len(w.line) > 0 }

// relieve is the scarcity tick: it moves slow halves out of the pool.
func (w *worker) relieve() {
	w.tick++
	if !w.scarce() {
		return
	}
	for _, c := range w.connections.All() {
		if c.state == stateForwarding {
			w.unpin(&c.toTarget)
			w.unpin(&c.toClient)
		}
	}
}

// unpin moves a slow half's bytes out of the pool.
func (w *worker) unpin(h *half) {
	switch {
	case h.done || !h.sending || h.blocked || h.unpinning || w.tick-h.sendTick < slowTicks:
	case h.queue.first().Parked():
		w.parkQueue(h, 1)
	default:
		h.unpinning = true // the rest happens when the send has ended
		w.stopSending(h)
	}
}

// parkQueue copies a half's queued bytes, from piece number first on, to memory
// of their own and gives their buffers back.
func (w *worker) parkQueue(h *half, first int) {
	pieces := h.queue.all()
	if h.done || len(pieces) <= first || allParked(pieces[first:]) {
		return
	}
	piece, err := w.pool.Park(pieces[first:])
	if err != nil {
		w.policy.Log.Error("no memory to hold what a slow peer has not taken, resetting the connection",
			"bytes", h.queued, "error", err)
		w.discard(h)
		w.discard(h.opposite())
		return
	}
	h.queue.truncate(first)
	h.queue.push(piece)
	w.counters.Parked.Add(1)
}

func allParked(pieces []bufpool.Piece) bool {
	for _, piece := range pieces {
		if !piece.Parked() {
			return false
		}
	}
	return true
}
