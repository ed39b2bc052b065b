package ring

import (
	"uring-socket-proxyd/bufpool"
	"uring-socket-proxyd/internal/connection"
)

// checkBounds looks for a half that holds more than it may and reads on.
func (s *simulation) checkBounds() {
	blocks := 0
	defer func() {
		if mapped := s.worker.pool.Parked(); mapped != blocks*bufpool.BlockSize {
			s.t.Fatalf("%d bytes are mapped for %d blocks", mapped, blocks)
		}
	}()
	for _, c := range s.worker.transfers {
		for _, h := range []*half{&c.toTarget, &c.toClient} {
			blocks += s.checkBlocks(h)
			s.checkPassing(h)
			most := s.worker.Policy.Limits.BufferSize
			if c.State != connection.Forwarding || h.Held < most || !h.Reading.InFlight() || h.Reading.Stops() {
				continue
			}
			s.t.Fatalf("a half holds %d bytes of %d and reads on", h.Held, most)
		}
	}
}

// checkBlocks counts the blocks of a half's parked bytes, of which all but the first
// and the last must be full.
func (s *simulation) checkBlocks(h *half) (blocks int) {
	bytes := 0
	for _, piece := range h.queue.all() {
		if piece.Parked() {
			blocks++
			bytes += int(piece.Len)
		}
	}
	if least := (blocks - 2) * bufpool.BlockSize; bytes < least {
		s.t.Fatalf("a half holds %d bytes in %d blocks", bytes, blocks)
	}
	return blocks
}
