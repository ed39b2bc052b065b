package main

import (
	"errors"
	"fmt"

	"uring-socket-proxyd/internal/proxyprotocol"
	"uring-socket-proxyd/internal/socket"
)

// proxyVersion is the value of --proxy-protocol=.
type proxyVersion proxyprotocol.Version

func (v *proxyVersion) Set(value string) error {
	switch value {
	case "v1":
		*v = proxyVersion(proxyprotocol.V1)
	case "v2":
		*v = proxyVersion(proxyprotocol.V2)
	default:
		return errors.New("no such version; choose v1 or v2")
	}
	return nil
}
func (v *proxyVersion) String() string {
	if *v == proxyVersion(proxyprotocol.None) {
		return ""
	}
	return fmt.Sprintf("v%d", *v)
}
func (v *proxyVersion) Type() string { return "VERSION" }

// passed is how many passed descriptors a half can hold.
func (o *options) passed() int {
	if o.passFDs {
		return socket.MaxPassed
	}
	return 0
}

// toggle is the value of an option that is on if it is given.
type toggle bool

func (t *toggle) Set(value string) error {
	if value != answered {
		return errors.New("takes no value; leave it out")
	}
	*t = true
	return nil
}
func (t *toggle) String() string { return "" }
func (t *toggle) Type() string   { return "" }
