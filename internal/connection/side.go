package connection

// Side is a socket of a connection.
type Side struct {
	FD  int
	TCP bool
}
