package connection

// Side is one of a connection's two sockets.
type Side struct {
	FD  int
	TCP bool
}
