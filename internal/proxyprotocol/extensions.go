package proxyprotocol

import (
	"encoding/binary"
	"errors"
)

// Extensions (TLVs) say more about the client than its addresses: the name that it asked
// for, its certificate, a cloud's data about it. Each is a type, a length of two bytes, and
// that many bytes; what they mean is between the sender and the reader.

// Types of extensions that are about the header that contains them.
const (
	typeChecksum = 0x03 // PP2_TYPE_CRC32C
	typePadding  = 0x04 // PP2_TYPE_NOOP
)

// extensionHead is how many bytes of an extension come before its value.
const extensionHead = 3

var errExtensions = errors.New("its extensions are truncated or malformed")

// passable returns the extensions of a header that can be copied to another one: all
// except checksum and padding.
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
