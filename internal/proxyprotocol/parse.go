package proxyprotocol

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/pires/go-proxyproto"
)

const (
	// LongestV1 is the length of the longest possible line, including its end, in bytes.
	LongestV1 = 107
	// PrefixV2 is the length of the part that each v2 header begins with: a signature,
	// and the length of the rest.
	PrefixV2 = 16
	// LongestV2 bounds that: addresses, of which the largest take 216 bytes, and
	// extensions (TLVs), such as a client's certificate.
	LongestV2 = 4096
	// Longest is the longest header of either version.
	Longest = PrefixV2 + LongestV2
	// LongestAddresses is how many bytes addresses take at most.
	LongestAddresses = 2 * unixPath
)

// What can be wrong with a header, apart from what the library finds.
var (
	ErrMissing = errors.New("does not begin with a header")
	ErrTooLong = fmt.Errorf("header of more than %d bytes (v1) or %d (v2)", LongestV1, Longest)
)

// signatureV1 is longer than the library's: a space must follow.
var signatureV1 = []byte("PROXY ")

// Length returns the length of the header that data begins with, which may be more than
// has arrived yet; 0 if it is not known yet.
func Length(data []byte) (int, error) {
	switch {
	case alike(data, proxyproto.SIGV2):
		if len(data) < PrefixV2 {
			return 0, nil
		}
		rest := int(binary.BigEndian.Uint16(data[PrefixV2-2:]))
		if rest > LongestV2 {
			return 0, ErrTooLong
		}
		return PrefixV2 + rest, nil
	case alike(data, signatureV1):
		end := bytes.IndexByte(data[:min(len(data), LongestV1)], '\n')
		if end < 0 && len(data) >= LongestV1 {
			return 0, ErrTooLong
		}
		return end + 1, nil
	}
	return 0, ErrMissing
}

// alike reports whether data begins with a signature, as far as it goes.
func alike(data, signature []byte) bool {
	n := min(len(data), len(signature))
	return bytes.Equal(data[:n], signature[:n])
}

// Parse reads a header of exactly the length that Length returned. If there is no source,
// the header says to use the connection's own addresses. The extensions are those that
// can be passed on.
func Parse(data []byte) (a Addresses, extensions []byte, err error) {
	if !alike(data, proxyproto.SIGV2) {
		a, err = parseV1(data)
		return a, nil, err
	}
	switch command, family := data[12], data[13]; {
	case command == byte(proxyproto.LOCAL):
		// The rest must be ignored, even a family that does not exist.
		return Addresses{}, nil, nil
	case command == byte(proxyproto.PROXY) && family == byte(proxyproto.UNSPEC):
		// The client is of a family that the protocol does not have. By the
		// specification, a receiver may accept or refuse that. The library refuses; we
		// send such headers, so we accept them. There may be addresses nevertheless, of
		// unknown length: then nothing after them can be read.
		extensions, _ = passable(data[PrefixV2:])
		return Addresses{}, extensions, nil
	}
	header, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(data), len(data)))
	if err != nil {
		return Addresses{}, nil, plain(err)
	}
	if extensions, err = passable(data[PrefixV2+lengthOf(header.TransportProtocol):]); err != nil {
		return Addresses{}, nil, err
	}
	if header.TransportProtocol.IsUnix() {
		// The library cuts off a name at its first zero byte, and abstract names
		// begin with one.
		network := header.SourceAddr.Network()
		return Addresses{
			Source:      &net.UnixAddr{Net: network, Name: unixName(data[PrefixV2:][:unixPath])},
			Destination: &net.UnixAddr{Net: network, Name: unixName(data[PrefixV2+unixPath:][:unixPath])},
		}, extensions, nil
	}
	return Addresses{header.SourceAddr, header.DestinationAddr}, extensions, nil
}

// lengthOf returns how many bytes the addresses of a family take in a v2 header.
func lengthOf(family proxyproto.AddressFamilyAndProtocol) int {
	switch {
	case family.IsIPv4():
		return 2 * (net.IPv4len + 2)
	case family.IsIPv6():
		return 2 * (net.IPv6len + 2)
	}
	return LongestAddresses
}

// unixPath is the size of struct sockaddr_un's sun_path.
const unixPath = 108

func unixName(path []byte) string { return string(bytes.TrimRight(path, "\x00")) }

// plain removes the library's name from its errors.
func plain(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "proxyproto: ", ""))
}
