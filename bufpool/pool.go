package bufpool

import (
	"fmt"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Group is the buffer group id of a pool; a ring has one pool.
const Group = 0

// maxCount bounds the buffers of a pool: giouring computes an entry's place in
// 16 bits, 16 bytes each.
const maxCount = 4096

// Registrar registers a buffer ring with the kernel (IORING_REGISTER_PBUF_RING,
// kernel 5.19); *giouring.Ring is the real one.
type Registrar interface {
	RegisterBufferRing(reg *giouring.BufReg, flags uint32) (uint, error)
}

// Config shapes a pool.
type Config struct {
	Count int // buffers, a power of two up to 4096
	Size  int // bytes of each buffer
	Block int // bytes of each block of parked copies; 0 is BlockSize
}

// NoRoom is the error for a pool whose memory cannot be mapped.
type NoRoom struct {
	Size int // bytes
	err  error
}

func (e *NoRoom) Error() string { return fmt.Sprintf("buffer pool: %v", e.err) }
func (e *NoRoom) Unwrap() error { return e.err }

// Pool is a provided-buffer ring and the memory behind it, Count*Size bytes,
// plus whatever is parked. Each receive spends a whole buffer.
//
// The kernel can also fill one buffer piece by piece (IOU_PBUF_RING_INC, 6.12), which is not
// used: a receive that a thread of the kernel's runs spends as many bytes of the buffer as
// it asked for, and tells how many it got (io_should_commit in io_uring/kbuf.c). From then
// on the bytes of others would be looked for in the wrong place.
type Pool struct {
	cfg       Config
	entries   []byte // the ring shared with the kernel
	ring      *giouring.BufAndRing
	mem       []byte
	buffers   []buffer
	available int // buffers the kernel can pick from
	parking
}

// buffer is our side of one buffer.
type buffer struct {
	ours bool // the kernel has let go of it, and its Piece is not released yet
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
	// A receive takes a buffer and may fill little of it: with huge pages each would take
	// 2 MiB. Where the advice is unknown, there are none.
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
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

// Take turns a receive of n bytes into buffer id into a Piece.
func (p *Pool) Take(id uint16, n uint32) Piece {
	b := &p.buffers[id]
	if b.ours || n > uint32(p.cfg.Size) {
		// Wrong bytes to a peer are worse than a restart.
		panic(fmt.Sprintf("bufpool: buffer %d: %d bytes received of %d, ours=%v", id, n, p.cfg.Size, b.ours))
	}
	b.ours = true
	p.available--
	return Piece{id: int32(id), Len: n}
}

// Release gives up a Piece; its bytes may be overwritten from now on.
func (p *Pool) Release(piece Piece) {
	if piece.id < 0 {
		p.parking.release(^piece.id)
		return
	}
	if !p.buffers[piece.id].ours {
		panic(fmt.Sprintf("bufpool: buffer %d released twice", piece.id))
	}
	p.provide(uint16(piece.id))
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
