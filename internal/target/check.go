package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Check reports a target that is well-formed and yet can never work: a port alone, a port
// that is neither a number nor a known service, or a file that is not a socket. Something
// that does not exist yet is not an error, because it may come.
func (t Target) Check() error {
	err := cmp.Or(refusePort(t.text), t.checkService())
	for i := 0; err == nil && i < len(t.literal); i++ {
		if fault := t.literal[i].Fault(); fault != "" {
			err = fmt.Errorf("%s; write the path of a socket", fault)
		}
	}
	if err != nil {
		return fmt.Errorf("target %q: %w", t.text, err)
	}
	return nil
}

// checkService looks up a service whose name begins with a digit: hardly any service has
// such a name, and most of these are misspelt ports. Any other may become known later.
func (t Target) checkService() error {
	if t.port != 0 || t.service == "" || strings.IndexByte("0123456789", t.service[0]) < 0 {
		return nil
	}
	var unknown *net.DNSError
	if _, err := t.lookupPort(context.Background()); !errors.As(err, &unknown) || !unknown.IsNotFound {
		return nil
	}
	return fmt.Errorf("%q is not a port, and no service has that name; use 1 to 65535", t.service)
}

// Fault says what the file at an address is instead of a socket. It is "" if the file is a
// socket or does not exist, or if the address has no file. A connect to such a file is
// refused as if nobody listened.
func (a Address) Fault() string {
	if a.Family != unix.AF_UNIX || a.raw[offsetPath] == 0 {
		return ""
	}
	file, err := os.Stat(a.unixPath())
	switch {
	case err != nil, file.Mode()&os.ModeSocket != 0:
		return ""
	case file.IsDir():
		return "is a directory, not a socket"
	case file.Mode().IsRegular():
		return "is a regular file, not a socket"
	}
	return "is not a socket"
}
