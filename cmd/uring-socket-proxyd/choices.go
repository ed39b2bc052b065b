package main

import "uring-socket-proxyd/internal/target"

// Choices are the values of options that take one of a few words, for the shells'
// completions. A test checks that Set accepts each of them.

func (n *engineName) Choices() []string {
	return []string{string(engineAuto), string(engineUring), string(engineEpoll)}
}

func (f *probeFormat) Choices() []string { return []string{string(probeTable), string(probeJSON)} }

func (v *proxyVersion) Choices() []string { return []string{"v1", "v2"} }

func (n *familyName) Choices() []string { return []string{string(target.Auto), string(target.VSOCK)} }

// addressList is the value of --listen=, which adds one each time.
type addressList []string

func (l *addressList) Set(value string) error {
	*l = append(*l, value)
	return nil
}
func (l *addressList) String() string { return "" }
func (l *addressList) Type() string   { return "[NAME=]ADDRESS" }
