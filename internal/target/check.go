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

// Check tells of a target that is written well and yet can never work: a port alone, what
// is neither a port nor a known service, or a file that is no socket. What is not there yet
// may come, and is no fault.
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

// checkService asks for a service whose name begins with a digit: hardly any do, and most
// of these are ports that are misspelt. Any other may come to be known later.
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

// Fault is what the file at an address is instead of a socket, "" if it is one, is not
// there, or the address is none of a file. A connect to it is refused as if nobody listened.
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
