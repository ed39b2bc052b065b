package proxyprotocol

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// What can be wrong with a v1 line. None of these errors shows what a client has sent.
var (
	errLine    = errors.New("the line is neither PROXY TCP4 (or TCP6) SOURCE DESTINATION PORT PORT nor PROXY UNKNOWN, with CR and LF at its end")
	errAddress = errors.New("the line has an invalid IP address")
	errPort    = errors.New("the line has an invalid port")
)

// parseV1 reads a line. Its addresses need not be of the family that it names, nor of the
// same family, although the specification says so: nginx names the client's family, and
// may give an address of its own of another family.
func parseV1(line []byte) (Addresses, error) {
	text, ended := strings.CutSuffix(string(line), "\r\n")
	fields := strings.Split(text, " ")
	switch {
	case !ended:
		return Addresses{}, errLine
	case fields[1] == "UNKNOWN": // whatever follows
		return Addresses{}, nil
	case fields[1] != "TCP4" && fields[1] != "TCP6", len(fields) != 6:
		return Addresses{}, errLine
	}
	source, err := parseEnd(fields[2], fields[4])
	if err != nil {
		return Addresses{}, err
	}
	destination, err := parseEnd(fields[3], fields[5])
	if err != nil {
		return Addresses{}, err
	}
	return Addresses{source, destination}, nil
}

// parseEnd reads the address and port of one end.
func parseEnd(address, port string) (*net.TCPAddr, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" {
		return nil, errAddress
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return nil, errPort
	}
	return &net.TCPAddr{IP: ip.AsSlice(), Port: int(number)}, nil
}
