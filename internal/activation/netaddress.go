package activation

// NetAddress turns the address of a listener, in the syntax of [Listen], into the network
// ("tcp" or "unix") and the address by which package net connects to it. A wildcard means
// this machine, as in package net.
func NetAddress(spec string) (network, address string, err error) {
	where, err := parseSpec(spec)
	switch {
	case err != nil:
		return "", "", err
	case where.isVsock:
		return "", "", errVsock
	case where.unix != "":
		return "unix", where.unix, nil
	}
	return "tcp", where.ip.String(), nil
}
