package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// defaultPort is the service of a target without one, see
// systemd-socket-proxyd(8).
const defaultPort = "80"

// parseHostPort fills in everything but the text of a network target.
func (t *Target) parseHostPort() error {
	if strings.ContainsFunc(t.text, isSpaceOrControl) {
		return errors.New("contains white space or a control character; write HOST:PORT")
	}
	if err := refuseSlash(t.text); err != nil {
		return err
	}
	bracketed := t.text[0] == '['
	var err error
	if bracketed {
		t.host, t.service, err = splitBrackets(t.text)
	} else {
		t.host, t.service, err = splitLastColon(t.text)
	}
	if err != nil {
		return err
	}
	if t.port, err = parsePort(t.service); err != nil {
		return err
	}
	t.ips = parseIPs(t.host)
	if bracketed && (len(t.ips) != 1 || !t.ips[0].Is6()) {
		return fmt.Errorf("%q is not an IPv6 address; write [IPV6]:PORT or HOST:PORT", t.host)
	}
	t.literal, err = literals(t.ips, t.port)
	return err
}

// splitBrackets splits [IPV6]:PORT or [IPV6].
func splitBrackets(s string) (host, service string, err error) {
	host, after, closed := strings.Cut(s[1:], "]")
	switch {
	case !closed || strings.ContainsAny(host+after, "[]"):
		return "", "", errBrackets
	case after == "":
		return host, defaultPort, nil
	case after[0] != ':':
		return "", "", fmt.Errorf("unexpected %q after the brackets; write [IPV6]:PORT", after)
	}
	return host, after[1:], nil
}

var errBrackets = errors.New("unbalanced brackets; write [IPV6]:PORT")

// splitLastColon splits as the original does, so ::1:80 is port 80 of ::1.
// It refuses an IPv6 address that this would cut to pieces: given ::1, the
// original would look for a host named ":".
func splitLastColon(s string) (host, service string, err error) {
	if strings.ContainsAny(s, "[]") {
		return "", "", errBrackets
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return s, defaultPort, nil
	}
	host, service = s[:colon], s[colon+1:]
	if isIPv6(s) && !(isIPv6(host) && isPortNumber(service)) {
		return "", "", fmt.Errorf("an IPv6 address needs brackets; write [%s]:PORT", s)
	}
	if strings.Contains(host, ":") && !isIPv6(host) {
		return "", "", fmt.Errorf("%q is not an IPv6 address; write [IPV6]:PORT or HOST:PORT", host)
	}
	if host == "" {
		return "", "", fmt.Errorf("no host before the port; write localhost:%s or another HOST:PORT", service)
	}
	return host, service, nil
}

// parsePort returns the port if service is a number, and 0 if it is a name. glibc
// truncates a number to its low 16 bits and reads no digits at all as port 0; nobody
// can mean that.
func parsePort(service string) (uint16, error) {
	if service == "" {
		return 0, errors.New("no port after the colon; write HOST:PORT, or HOST for port " + defaultPort)
	}
	// Like strtoul(3) behind getaddrinfo(3), this takes signs and leading
	// zeros.
	port, err := strconv.ParseInt(service, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, nil
	}
	if port < 1 || port > 65535 {
		return 0, fmt.Errorf("port %s is out of range; use 1 to 65535", service)
	}
	return uint16(port), nil
}

func isPortNumber(service string) bool {
	port, err := parsePort(service)
	return err == nil && port != 0
}

func isIPv6(s string) bool {
	_, ok := parseIPv6(s)
	return ok
}

func isSpaceOrControl(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r)
}
