package forward

import "uring-socket-proxyd/internal/proxyprotocol"

// ProxyProtocol is what connections do of the PROXY protocol: nothing, if zero.
type ProxyProtocol struct {
	// Send is the version of the header that a target gets before anything else.
	Send proxyprotocol.Version
	// Accept tells that each client begins with a header, which is taken off.
	Accept bool
}

// longestPrologue is how long one may be: a header with as many extensions as the client's
// may have, and addresses which that may lack.
const longestPrologue = proxyprotocol.Longest + proxyprotocol.LongestAddresses
