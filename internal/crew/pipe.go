package crew

// SparePipe returns an EMFILE if a pipe, whose higher descriptor is fd, would take what
// connections may still need that have not come yet: a stream can do without.
func (c *Crew) SparePipe(fd int) error {
	gate := c.services.Gate
	return c.policy.SparePipe(fd, gate.Limit()-gate.Current())
}
