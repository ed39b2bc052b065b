package ring

import (
	"slices"
	"time"

	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// When buffers run out, two things keep one peer from starving the others:
//
//   - Halves that found no buffer wait in line and resume in order, as many at a
//     time as there are buffers.
//   - A half whose destination does not take its bytes is moved out of the pool:
//     its send is cancelled and its bytes are copied to memory of their own,
//     from where sending goes on. What it can hold there is bounded, as it does
//     not read while it is over its limit.

// scarcity is a worker's lack of buffers.
type scarcity struct {
	line  connection.Line // halves that wait for a buffer
	timer *connection.Timer
	tick  uint32 // counts what the timer has done
}

// scarcityTick is how often slow halves are looked for while buffers are scarce.
const scarcityTick = 50 * time.Millisecond

// slowTicks is after how many ticks a send counts as slow. The first may come
// right after the send began, so two is the least that means anything.
const slowTicks = 2

// starve puts a half at the end of the line.
func (w *worker) starve(h *half) {
	if h.Reading != connection.ReadingNothing || h.Done {
		return
	}
	h.Reading = connection.ReadingStarved
	w.scarcity.line.Join(&h.Half)
	w.Counts.Starved.Add(1)
}

// feed lets halves at the head of the line resume, one for each buffer that the
// kernel can pick from, and watches for scarcity.
func (w *worker) feed() {
	for buffers := w.pool.Available(); buffers > 0 && w.scarcity.line.First() != nil; {
		if h := w.halfOf(w.scarcity.line.Pop()); h.Reading == connection.ReadingStarved { // or it is a stream by now
			h.Reading = connection.ReadingNothing
			w.receive(h)
			buffers--
		}
	}
	if w.scarce() {
		w.scarcity.timer.Start(scarcityTick)
	}
}

func (w *worker) scarce() bool { return w.pool.Scarce() || w.scarcity.line.Len() > 0 }

// relieve is the scarcity tick: it moves slow halves out of the pool.
func (w *worker) relieve() {
	w.scarcity.tick++
	if !w.scarce() {
		return
	}
	for _, c := range w.transfers {
		if c.State == connection.Forwarding {
			w.unpin(&c.toTarget)
			w.unpin(&c.toClient)
		}
	}
}

// unpin moves a slow half's bytes out of the pool.
func (w *worker) unpin(h *half) {
	switch {
	case h.Done || h.Writing != connection.WritingSend || w.scarcity.tick-h.sendTick < slowTicks:
	case h.queue.first().Parked():
		w.parkQueue(h, 1)
	default:
		h.Writing = connection.WritingUnpin // the rest happens when the send has ended
		w.stopSending(h)
	}
}

// parkQueue moves a half's queued bytes, from piece number first on, to memory of
// their own and gives their buffers back.
func (w *worker) parkQueue(h *half, first int) {
	pieces := h.queue.all()
	for first < len(pieces) && pieces[first].Parked() {
		first++
	}
	if h.Done || first >= len(pieces) {
		return
	}
	rest := slices.Clone(pieces[first:])
	h.queue.truncate(first)
	for i, piece := range rest {
		if err := w.park(h, piece); err != nil {
			for _, piece := range rest[i+1:] {
				w.pool.Release(piece)
			}
			w.OutOfMemory(&h.Half, h.Held, err)
			return
		}
	}
	w.Counts.Parked.Add(1)
}

// park queues a piece in memory of its own, behind what is there already. On an
// error (no memory) what is left of the piece is queued as it is.
func (w *worker) park(h *half, piece bufpool.Piece) error {
	for h.queue.empty() || !w.pool.Append(h.queue.last(), &piece) {
		block, err := w.pool.Block()
		if err != nil {
			h.queue.push(piece)
			return err
		}
		h.queue.push(block)
	}
	return nil
}
