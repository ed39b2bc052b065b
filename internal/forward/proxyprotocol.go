package forward

import "uring-socket-proxyd/internal/proxyprotocol"

// ProxyProtocol says what connections do with PROXY headers. The zero value does nothing.
type ProxyProtocol struct {
	// Send is the version of the header that a target gets before anything else.
	Send proxyprotocol.Version
	// Accept means that each client begins with a header, which is removed.
	Accept bool
}

// longestPrologue is how long one may be: a header with as many extensions as the client's
// may have, and addresses which that may lack.
const longestPrologue = proxyprotocol.Longest + proxyprotocol.LongestAddresses
