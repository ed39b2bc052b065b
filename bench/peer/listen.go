package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Listen opens a listening socket like a socket unit: on a port that the kernel chooses,
// or on path if that is not "". It has NoDelay=yes, which accepted connections inherit.
// The caller closes the file.
func Listen(path string) (file *os.File, address string, err error) {
	network, address := "tcp4", "127.0.0.1:0"
	if path != "" {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address) // with the longest backlog
	if err != nil {
		return nil, "", err
	}
	defer listener.Close()
	if l, ok := listener.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	file, err = listener.(interface{ File() (*os.File, error) }).File()
	if err == nil && path == "" {
		err = unix.SetsockoptInt(int(file.Fd()), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		return nil, "", fmt.Errorf("listening socket: %w", err)
	}
	return file, listener.Addr().String(), nil
}

// freeAddress returns an address that nothing listens on, for a program that needs one as
// an argument. The port is outside the range that the kernel uses for connections, so that
// none of them can take it before the program does.
func freeAddress() (string, error) {
	const lowest, tries = 10000, 100
	highest := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(text), &highest); err != nil || highest <= lowest {
			highest = 32768
		}
	}
	var failure error
	for range tries {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))
		listener, err := net.Listen("tcp4", address)
		if err == nil {
			return address, listener.Close()
		}
		failure = err
	}
	return "", fmt.Errorf("no free port in %d tries: %w", tries, failure)
}

// answers reports whether something accepts connections at address.
func answers(address string) bool {
	network := "tcp4"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
