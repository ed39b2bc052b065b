package activation

// Dial tells how to connect to what listens at an address in the syntax of [Listen],
// as package net takes it: the network, "tcp" or "unix", and the address. A wildcard
// stands for this machine, as package net has it.
func Dial(spec string) (network, address string, err error) {
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
