package bufpool

import (
	"fmt"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Group is the buffer group id of a pool; a ring has one pool.
const Group = 0

// flagIncremental is IOU_PBUF_RING_INC (kernel 6.12): the kernel fills one
// buffer piece by piece instead of spending a whole one on each receive.
const flagIncremental = 2

// maxCount bounds the number of buffers in a pool: giouring computes the offset of an
// entry, which has 16 bytes, in 16 bits.
const maxCount = 4096

// Registrar registers a buffer ring with the kernel (IORING_REGISTER_PBUF_RING,
// kernel 5.19); *giouring.Ring is the real one.
type Registrar interface {
	RegisterBufferRing(reg *giouring.BufReg, flags uint32) (uint, error)
}

// Config shapes a pool.
type Config struct {
	Count       int // buffers, a power of two up to 4096
	Size        int // bytes of each buffer
	Incremental bool
	Block       int // bytes of each block of parked copies; 0 means BlockSize
}

// NoRoom is the error for a pool whose memory cannot be mapped.
type NoRoom struct {
	Size int // bytes
	err  error
}

func (e *NoRoom) Error() string { return fmt.Sprintf("buffer pool: %v", e.err) }
func (e *NoRoom) Unwrap() error { return e.err }

// Pool is a provided-buffer ring and the memory behind it, Count*Size bytes,
// plus the parked copies.
type Pool struct {
	cfg       Config
	entries   []byte // the ring shared with the kernel
	ring      *giouring.BufAndRing
	mem       []byte
	buffers   []buffer
	available int // buffers that the kernel can pick from, including the one being filled
	parking
}

// buffer is our side of one buffer. Its counts restart each time it is handed to the
// kernel.
type buffer struct {
	filled uint32 // bytes that the kernel has written
	pieces uint32 // Pieces not yet released
	ours   bool   // the kernel has let go of it
}

// Piece is a run of received bytes, held until it is given to Release.
type Piece struct {
	id     int32 // buffer number, or ^number of a parked copy
	offset uint32
	Len    uint32 // bytes
}

// New maps a pool and registers it. The caller closes it after the ring.
func New(cfg Config, kernel Registrar) (*Pool, error) {
	if cfg.Count <= 0 || cfg.Count > maxCount || cfg.Count&(cfg.Count-1) != 0 || cfg.Size <= 0 {
		return nil, fmt.Errorf("buffer pool: %d buffers of %d bytes: the count must be a power of two up to %d", cfg.Count, cfg.Size, maxCount)
	}
	entries, err := Map(cfg.Count * int(unsafe.Sizeof(giouring.BufAndRing{})))
	if err != nil {
		return nil, fmt.Errorf("buffer pool: %w", err)
	}
	mem, err := Map(cfg.Count * cfg.Size)
	if err != nil {
		Unmap(entries)
		return nil, &NoRoom{cfg.Count * cfg.Size, err}
	}
	if !cfg.Incremental {
		// A receive takes a buffer and may fill little of it: with huge
		// pages each would take 2 MiB. A kernel that does not know the
		// advice has no huge pages.
		_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	}
	if cfg.Block == 0 {
		cfg.Block = BlockSize
	}
	p := &Pool{cfg: cfg, entries: entries, mem: mem, buffers: make([]buffer, cfg.Count), parking: parking{memory: NewBlocks(cfg.Block, 0)}}
	p.ring = (*giouring.BufAndRing)(unsafe.Pointer(&entries[0]))
	p.ring.BufRingInit()
	if err := p.register(kernel); err != nil {
		p.Close()
		return nil, err
	}
	for i := range p.buffers {
		p.provide(uint16(i))
	}
	return p, nil
}

func (p *Pool) register(kernel Registrar) error {
	reg := giouring.BufReg{
		RingAddr:    uint64(uintptr(unsafe.Pointer(&p.entries[0]))),
		RingEntries: uint32(p.cfg.Count),
		Bgid:        Group,
	}
	if p.cfg.Incremental {
		reg.Pad = flagIncremental // the kernel's flags, which giouring calls padding
	}
	if _, err := kernel.RegisterBufferRing(&reg, 0); err != nil {
		return fmt.Errorf("buffer pool: registering %d buffers: %w", p.cfg.Count, err)
	}
	return nil
}

// Close unmaps everything. The ring must be closed first, because it writes here.
func (p *Pool) Close() {
	p.parking.memory.Close()
	Unmap(p.entries)
	Unmap(p.mem)
}

// provide hands a whole buffer to the kernel.
func (p *Pool) provide(id uint16) {
	p.buffers[id] = buffer{}
	p.ring.BufRingAdd(p.bufferAddr(int32(id)), uint32(p.cfg.Size), id, giouring.BufRingMask(uint32(p.cfg.Count)), 0)
	p.ring.BufRingAdvance(1)
	p.available++
}

func (p *Pool) bufferAddr(id int32) uintptr {
	return uintptr(unsafe.Pointer(&p.mem[int(id)*p.cfg.Size]))
}

// Take makes a Piece of n bytes received into buffer id. more is the completion's
// IORING_CQE_F_BUF_MORE: the kernel goes on filling this buffer. The completions for an
// incremental buffer must be taken in the order in which the kernel filled it.
func (p *Pool) Take(id uint16, n uint32, more bool) Piece {
	b := &p.buffers[id]
	if b.ours || b.filled+n > uint32(p.cfg.Size) {
		// Wrong bytes to a peer are worse than a restart.
		panic(fmt.Sprintf("bufpool: buffer %d: %d bytes received after %d of %d, ours=%v", id, n, b.filled, p.cfg.Size, b.ours))
	}
	piece := Piece{id: int32(id), offset: b.filled, Len: n}
	b.filled += n
	b.pieces++
	if !more {
		b.ours = true
		p.available--
	}
	return piece
}

// Release gives up a Piece; its bytes may be overwritten from now on.
func (p *Pool) Release(piece Piece) {
	if piece.id < 0 {
		p.parking.release(^piece.id)
		return
	}
	b := &p.buffers[piece.id]
	if b.pieces == 0 {
		panic(fmt.Sprintf("bufpool: buffer %d released twice", piece.id))
	}
	b.pieces--
	if b.pieces == 0 && b.ours {
		p.provide(uint16(piece.id))
	}
}

// Merge appends next to last if its bytes follow in the same buffer, so that two
// receives become one send. It reports whether they do; if so, next must not be used any
// more.
func (p *Pool) Merge(last *Piece, next Piece) bool {
	if last.id != next.id || last.id < 0 || last.offset+last.Len != next.offset {
		return false
	}
	last.Len += next.Len
	p.buffers[next.id].pieces--
	return true
}

// Consume drops the first n bytes of a Piece.
func (piece *Piece) Consume(n uint32) {
	piece.offset += n
	piece.Len -= n
}

// Addr returns the address of a Piece's first byte, for the kernel.
func (p *Pool) Addr(piece Piece) uintptr { return uintptr(unsafe.Pointer(&p.bytes(piece)[0])) }

// Content returns the bytes of a Piece, which are valid until it is released.
func (p *Pool) Content(piece Piece) []byte { return p.bytes(piece) }

func (p *Pool) bytes(piece Piece) []byte {
	if piece.id < 0 {
		return p.parking.blocks[^piece.id].Memory[piece.offset:][:piece.Len]
	}
	return p.mem[int(piece.id)*p.cfg.Size+int(piece.offset):][:piece.Len]
}

// Available returns the number of buffers that the kernel can still pick from.
func (p *Pool) Available() int { return p.available }

// Buffers returns the number of buffers.
func (p *Pool) Buffers() int { return len(p.buffers) }

// Bytes returns the total size of the buffers.
func (p *Pool) Bytes() int { return len(p.mem) }

// Scarce reports whether less than a quarter of the buffers is left to the kernel.
func (p *Pool) Scarce() bool { return p.available < len(p.buffers)/4 }
