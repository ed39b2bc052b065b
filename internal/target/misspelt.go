package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What looks like a target but cannot be one: no host, service or interface has a slash in
// its name, and no machine has a number up to 65535 as its address. The original accepts
// it, and fails at each connection. Here it is refused, with what was probably meant.

// cutUnix finds the address of a UNIX socket in a target: an absolute path or an abstract
// name, also in the notation of other programs: unix:/PATH, unix:///PATH and unix:@NAME.
// unix:80 is not one, but a port of a host of that name.
func cutUnix(text string) (address string, ok bool) {
	address = text
	if rest, prefixed := strings.CutPrefix(text, "unix:"); prefixed {
		address = rest
		if strings.HasPrefix(rest, "///") {
			address = rest[len("//"):]
		} else if strings.HasPrefix(rest, "//") {
			return "", false
		}
	}
	return address, address != "" && (address[0] == '/' || address[0] == '@')
}

// refuseSlash says what to write instead of a network target with a slash in it.
func refuseSlash(text string) error {
	before, after, found := strings.Cut(text, "/")
	if !found {
		return nil
	}
	if rest, prefixed := strings.CutPrefix(text, "unix:"); prefixed {
		return refuse("a path must be absolute", "/"+strings.TrimLeft(rest, "/"))
	}
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL {
		return refuseURL(scheme, rest)
	}
	plain := strings.TrimRight(text, "/")
	for _, protocol := range []string{"/tcp", "/TCP"} {
		plain = strings.TrimSuffix(plain, protocol)
	}
	isPath := strings.Contains(plain, "/")
	switch {
	case strings.HasPrefix(text, "./"), strings.HasPrefix(text, "../"), text[0] == '~':
		return errors.New("a path must be absolute; write /PATH")
	case isPath && strings.ContainsAny(before[max(0, len(before)-1):], ":@"): // unix@/PATH
		return refuse("a host or port cannot contain a slash", "/"+after)
	case !isPath && isDigits(plain):
		return refuse("a port needs a host, and nothing after it", "localhost:"+plain)
	case !isPath:
		return refuse("a host or port cannot contain a slash", plain)
	case strings.Contains(before, ":"), strings.Contains(before, ".") && parseIPs(before) != nil:
		return refuse("a host or port cannot contain a slash", before)
	}
	return refuse("a path must be absolute", "/"+text)
}

// refuseURL says what to write instead of scheme://rest.
func refuseURL(scheme, rest string) error {
	host := rest[:strings.IndexAny(rest+"/", "/?#")]
	host = host[strings.LastIndexByte(host, '@')+1:] // after a user and a password
	if !strings.Contains(host[strings.LastIndexByte(host, ']')+1:], ":") {
		port, known := map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[scheme]
		if !known {
			port = "PORT"
		}
		host += ":" + port
	}
	return refuse("a URL is not a target", host)
}

// refusePort says what to write instead of a port alone. getaddrinfo(3) takes the number
// for an IPv4 address in 0.0.0.0/8, which belongs to nobody, except 0 to this machine.
func refusePort(text string) error {
	const nobodys = 1 << 24
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || !isDigits(text) || number == 0 || number >= nobodys {
		return nil
	}
	return refuse("a port needs a host", "localhost:"+text)
}

// refuse suggests what may have been meant, if that is a valid target.
func refuse(reason, meant string) error {
	if _, err := Parse(meant); err != nil {
		meant = "HOST:PORT, or /PATH"
	}
	return fmt.Errorf("%s; write %s", reason, meant)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
