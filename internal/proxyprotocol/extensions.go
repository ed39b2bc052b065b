package proxyprotocol

import (
	"encoding/binary"
	"errors"
)

// Extensions (TLVs) tell more of the client than addresses do: the name that it asked for,
// its certificate, what a cloud has for it. They are a type, a length of two bytes, and so
// many bytes; what they mean is between who sends and who reads them.

// Types of extensions that are about the header that holds them.
const (
	typeChecksum = 0x03 // PP2_TYPE_CRC32C
	typePadding  = 0x04 // PP2_TYPE_NOOP
)

// extensionHead is how many bytes of an extension come before its value.
const extensionHead = 3

var errExtensions = errors.New("its extensions are truncated or malformed")

// passable are those of a header that can go with another: all but checksum and padding.
func passable(extensions []byte) (kept []byte, err error) {
	for rest := extensions; len(rest) > 0; {
		if len(rest) < extensionHead {
			return nil, errExtensions
		}
		length := extensionHead + int(binary.BigEndian.Uint16(rest[1:]))
		if length > len(rest) {
			return nil, errExtensions
		}
		if rest[0] != typeChecksum && rest[0] != typePadding {
			kept = append(kept, rest[:length]...)
		}
		rest = rest[length:]
	}
	return kept, nil
}
