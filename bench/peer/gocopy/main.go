// Command gocopy is the TCP proxy that a Go programmer writes first: a goroutine
// per direction, and io.Copy, which splices where it can. It is a peer of the
// benchmark.
//
//	gocopy LISTEN TARGET
//
// Both are IP:PORT or the path of a UNIX socket; LISTEN may be "inherited", for
// the socket at descriptor 3.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gocopy LISTEN TARGET")
	}
	listener, err := listen(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go forward(client, os.Args[2])
	}
}

func listen(address string) (net.Listener, error) {
	if address == "inherited" {
		return net.FileListener(os.NewFile(3, address))
	}
	return net.Listen(network(address), address)
}

func network(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}

// forward copies both ways and closes both sides when both have ended. Go sets
// TCP_NODELAY by itself.
func forward(client net.Conn, address string) {
	defer client.Close()
	target, err := net.Dial(network(address), address)
	if err != nil {
		log.Print(err)
		return
	}
	defer target.Close()
	replied := make(chan struct{})
	go func() {
		defer close(replied)
		half(client, target)
	}()
	half(target, client)
	<-replied
}

// half copies one direction and forwards its end.
func half(to, from net.Conn) {
	_, _ = io.Copy(to, from) // either way, this direction is over
	if to, ok := to.(interface{ CloseWrite() error }); ok {
		_ = to.CloseWrite()
	}
}
