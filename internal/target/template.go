package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What stands for the listener in a target.
const (
	portPlaceholder = "{port}"
	namePlaceholder = "{name}"
)

// Template is a target in which {port} and {name} stand for the port and the name of
// the listener that a connection arrives on. ParseTemplate makes it, and it never
// changes; its zero value is no target.
type Template struct {
	text   string // as given
	family Family
	fixed  Target // the target, if it has no placeholders
}

// ParseTemplate reads a target, with or without placeholders. Without them, the error is
// that of Parse; with them, For checks the rest.
func ParseTemplate(s string) (Template, error) { return Auto.ParseTemplate(s) }

// ParseTemplate is like the function ParseTemplate, for targets of the family.
func (f Family) ParseTemplate(s string) (Template, error) {
	t := Template{text: s, family: f}
	if t.isFixed() {
		var err error
		if t.fixed, err = f.Parse(s); err != nil {
			return Template{}, err
		}
	}
	if err := refuseUnknown(s); err != nil {
		return Template{}, fmt.Errorf("target %q: %w", s, err)
	}
	return t, nil
}

func (t Template) isFixed() bool {
	return !strings.Contains(t.text, portPlaceholder) && !strings.Contains(t.text, namePlaceholder)
}

// refuseUnknown finds braces around anything else, such as a misspelt placeholder. In the
// names of UNIX sockets they are allowed, and are left as they are.
func refuseUnknown(s string) error {
	if _, isUnix := cutUnix(s); !isUnix && strings.ContainsAny(strings.NewReplacer(portPlaceholder, "", namePlaceholder, "").Replace(s), "{}") {
		return errors.New("only the listener's {port} and {name} may stand in braces")
	}
	return nil
}

// For returns the target for connections that arrive on a listener. port is 0 if the
// listener has none. The error names the target, and what it has become if that is not a
// target.
func (t Template) For(name string, port int) (Target, error) {
	if t.isFixed() {
		return t.fixed, nil
	}
	if port == 0 && strings.Contains(t.text, portPlaceholder) {
		return Target{}, fmt.Errorf("target %q: %w", t.text, errNoPort)
	}
	// In one pass: a placeholder inside a name is not replaced.
	return t.family.Parse(strings.NewReplacer(portPlaceholder, strconv.Itoa(port), namePlaceholder, name).Replace(t.text))
}

var errNoPort = errors.New("the listener has no port for {port}; write a port, or give it a target of its own")

// String returns the template as it was given to ParseTemplate; "" for the zero value.
func (t Template) String() string { return t.text }
