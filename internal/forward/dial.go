package forward

import (
	"slices"

	"uring-socket-proxyd/internal/target"
)

// Dial is a connection's way through its target's addresses: each is tried in
// order until one answers.
type Dial struct {
	addresses []target.Address // shared, read only
	partial   bool             // others may be found
	next      int
	failed    []Attempt
}

// Attempt is a failed try to reach one address of a target.
type Attempt struct {
	Address target.Address
	Err     error
}

// Extend adds what has been looked up, if it is not there yet.
func (d *Dial) Extend(found Answer) {
	d.partial = found.Partial
	if d.addresses == nil {
		d.addresses = found.Addresses
		return
	}
	addresses := slices.Clip(d.addresses)
	for _, address := range found.Addresses {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	d.addresses = addresses
}

// Partial tells that a lookup of the whole target may find more addresses.
func (d *Dial) Partial() bool { return d.partial }

// Next is the address to try now, nil if all have been tried.
func (d *Dial) Next() *target.Address {
	if d.next == len(d.addresses) {
		return nil
	}
	d.next++
	return &d.addresses[d.next-1]
}

// Begun tells that there are addresses to try.
func (d *Dial) Begun() bool { return d.addresses != nil }

// Again makes Next return the address being tried once more.
func (d *Dial) Again() { d.next-- }

// Current is the address being tried.
func (d *Dial) Current() *target.Address { return &d.addresses[d.next-1] }

// Fail notes that the address being tried could not be reached.
func (d *Dial) Fail(err error) {
	d.failed = append(d.failed, Attempt{Address: *d.Current(), Err: err})
}
