package forward

// usualBlock is the size of a block unless BlockSize says less.
const usualBlock = 64 << 10

// BlockSize is how large the blocks are that hold what a destination has not taken, and
// what is read into: no larger than what a half may hold, but that a prologue fits.
func (p *Policy) BlockSize() int {
	least := p.Limits.BufferSize
	if p.ProxyProtocol.Accept {
		least = max(least, LongestPrologue)
	}
	return min(usualBlock, least)
}
