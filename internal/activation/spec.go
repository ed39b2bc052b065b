package activation

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/vsock"
)

const (
	// maxUnixAddress is the room in sockaddr_un for a path and its final NUL, or
	// for an abstract name and its leading NUL (unix(7)).
	maxUnixAddress = 107

	// maxName is the longest name in $LISTEN_FDNAMES, FDNAME_MAX of systemd.
	maxName = 255

	// ownName is the name of a listener of --listen= that was given none.
	ownName = "listen"

	// maxInterfaceName is IFNAMSIZ without the final NUL (netdevice(7)).
	maxInterfaceName = 15

	specForms = "write PORT, IPV4:PORT, [IPV6]:PORT, /PATH, @NAME or vsock:CID:PORT"
)

// endpoint is a parsed --listen= value: a UNIX address, a VSOCK address or an IP
// address.
type endpoint struct {
	unix    string         // path, or abstract name with its "@"; "" for others
	vsock   vsock.Address  // if isVsock
	ip      netip.AddrPort // otherwise; the zone is not yet looked up
	isVsock bool
	anyHost bool // only a port was given

	onlyIPv6 bool // all IPv6 addresses, and none of IPv4
}

// splitName splits the name from a value of --listen=. Addresses that can contain a "="
// begin with /, @ or [; a value that begins so has no name.
func splitName(text string) (name, address string, err error) {
	name, address, found := strings.Cut(text, "=")
	switch {
	case !found, strings.ContainsAny(text[:1], "/@["):
		return ownName, text, nil
	case name == "":
		return "", "", errors.New("the name before = is empty; write NAME=ADDRESS, or ADDRESS alone")
	case !validName(name):
		return "", "", fmt.Errorf("%q cannot be a listener's name; use up to %d printable ASCII characters without a colon", name, maxName)
	}
	return name, address, nil
}

// validName reports whether FileDescriptorName= of systemd.socket(5) would accept a name.
func validName(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' })
}

// parseSpec parses the address syntax of ListenStream= in systemd.socket(5). In addition,
// port 0 is accepted and lets the kernel pick a port, and the interface of a link-local
// address may also be inside the brackets. It makes no system call.
//
// Errors read "reason; hint", to follow the option and its value.
func parseSpec(text string) (endpoint, error) {
	switch {
	case text == "":
		return endpoint{}, errors.New("the address is empty; " + specForms)
	case text[0] == '/' || text[0] == '@':
		return parseUnix(text)
	case strings.Trim(text, "0123456789") == "":
		return parsePort(text)
	case vsock.OfAnotherType(text):
		return endpoint{}, vsock.ErrNotStream
	}
	if cidPort, ok := vsock.Cut(text); ok {
		return parseVsock(cidPort)
	}
	return parseIP(text)
}

func parseVsock(cidPort string) (endpoint, error) {
	address, err := vsock.Parse(cidPort)
	if err != nil {
		return endpoint{}, err
	}
	return endpoint{vsock: address, isVsock: true}, nil
}

func parseUnix(text string) (endpoint, error) {
	switch {
	case text == "@":
		return endpoint{}, errors.New("the abstract name is empty; write @NAME")
	case strings.ContainsRune(text, 0):
		return endpoint{}, errors.New("the address contains a NUL byte; remove it")
	case len(text) > maxUnixAddress:
		return endpoint{}, fmt.Errorf("the address is %d bytes long; a UNIX socket address has at most %d",
			len(text), maxUnixAddress)
	}
	return endpoint{unix: text}, nil
}

// parsePort parses a port alone, which means all addresses of the machine.
func parsePort(text string) (endpoint, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return endpoint{}, badPort(text)
	}
	return endpoint{ip: netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), anyHost: true}, nil
}

func parseIP(text string) (endpoint, error) {
	ip, err := netip.ParseAddrPort(zoneInBrackets(text))
	if err != nil {
		return endpoint{}, explainIP(text)
	}
	zone := ip.Addr().Zone()
	if len(zone) > maxInterfaceName || strings.ContainsAny(zone, "/:%[]") {
		return endpoint{}, fmt.Errorf("%q is not the name of a network interface; see \"ip link\" for their names", zone)
	}
	return endpoint{ip: ip}, nil
}

// zoneInBrackets rewrites systemd's "[address]:port%interface" to the
// "[address%interface]:port" that package netip and RFC 4007 write.
func zoneInBrackets(text string) string {
	address, rest, ok := strings.Cut(text, "]:")
	if !ok {
		return text
	}
	port, zone, ok := strings.Cut(rest, "%")
	if !ok {
		return text
	}
	return address + "%" + zone + "]:" + port
}

// explainIP finds the most likely mistake in an address that does not parse.
func explainIP(text string) error {
	if strings.ContainsRune(text, '/') {
		return errors.New("neither an address nor an absolute path; a path starts with /")
	}
	if bare, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return fmt.Errorf("the port is missing; write %s", netip.AddrPortFrom(bare, 80))
	}
	host, port, err := net.SplitHostPort(zoneInBrackets(text))
	if err != nil {
		return errors.New("not an address with a port; " + specForms)
	}
	if host == "" {
		return errors.New("the address is missing; for all addresses write the port alone")
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return fmt.Errorf("%q is not an IP address; host names are not resolved, as in ListenStream=", host)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return badPort(port)
	}
	return errors.New("brackets belong around an IPv6 address and nothing else; " + specForms)
}

func badPort(port string) error {
	return fmt.Errorf("%q is not a port; write a number from 1 to 65535, or 0 to let the kernel pick one", port)
}

func (e endpoint) family() int {
	switch {
	case e.unix != "":
		return unix.AF_UNIX
	case e.isVsock:
		return unix.AF_VSOCK
	case e.ip.Addr().Is4():
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// withoutIPv6 is the address that a port alone means on a machine without IPv6.
func (e endpoint) withoutIPv6() endpoint {
	e.ip = netip.AddrPortFrom(netip.IPv4Unspecified(), e.ip.Port())
	return e
}

// sockaddr returns the address in the form that bind(2) takes. It looks up the
// interface of a scoped address.
func (e endpoint) sockaddr() (unix.Sockaddr, error) {
	port := int(e.ip.Port())
	switch e.family() {
	case unix.AF_UNIX:
		return &unix.SockaddrUnix{Name: e.unix}, nil
	case unix.AF_VSOCK:
		return e.vsockSockaddr(), nil
	case unix.AF_INET:
		return &unix.SockaddrInet4{Port: port, Addr: e.ip.Addr().As4()}, nil
	}
	zone, err := zoneIndex(e.ip.Addr().Zone())
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet6{Port: port, Addr: e.ip.Addr().As16(), ZoneId: zone}, nil
}

// vsockSockaddr makes the kernel pick a port for 0, which to the kernel is an ordinary
// port.
func (e endpoint) vsockSockaddr() unix.Sockaddr {
	a := &unix.SockaddrVM{CID: e.vsock.CID, Port: e.vsock.Port}
	if a.Port == 0 {
		a.Port = unix.VMADDR_PORT_ANY
	}
	return a
}
