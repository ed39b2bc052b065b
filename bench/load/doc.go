// Package load makes the benchmark's traffic: a client that sends, and a server that
// the proxy forwards to. Each is one process with one busy thread: a plain epoll
// loop over non-blocking sockets that allocates nothing per message, so that the
// proxy is measured and not the generator. The peer "direct", which is the two
// without a proxy, shows that this is so.
//
// Every byte is checked where it arrives. The payload is a seeded pattern in which
// each connection starts somewhere else, so that bytes that are lost, repeated, altered,
// out of order, or from another connection do not match.
//
// The benchmark steers its load processes by lines on their standard input, which
// control.go lists; each is answered with a Snapshot as a line of JSON.
package load
