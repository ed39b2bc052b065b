package main

import (
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/internal/activation"
)

// mapLines are command lines with --map=, for the fuzz test.
var mapLines = lines("--map=a=/x", "--map=a=/x /y", "--map a=h:{port} --map=b={name}:1", "--m=a=/x", "--map==/x", "--map=a /x", "--map=a=/x --map=a=/y")

// targetsFrom reports whether there is a target, and whether all are from arguments.
func targetsFrom(t targets, args []string) bool {
	from := func(text string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return strings.HasSuffix(arg, text) })
	}
	for _, one := range t.mapped {
		if one.name == "" || one.target.String() == "" || !from(one.name+"="+one.target.String()) {
			return false
		}
	}
	if t.rest.String() == "" {
		return len(t.mapped) > 0
	}
	return slices.Contains(args, t.rest.String())
}

func listener(name, address string, port int) *activation.Listener {
	return &activation.Listener{Name: name, Address: address, Port: port}
}

func TestRoutes(t *testing.T) {
	listeners := []*activation.Listener{
		listener("web", "127.0.0.1:80", 80), listener("web", "[::1]:81", 81), listener("admin", "/run/admin", 0), listener("listen", "127.0.0.1:9", 9),
	}
	for line, want := range map[string]string{
		"/x":                     "/x /x /x /x",
		"/run/{name}":            "/run/web /run/web /run/admin /run/listen",
		"--map=web=/w /x":        "/w /w /x /x",
		"/x --map=web=127.0.0.1": "127.0.0.1 127.0.0.1 /x /x",
		"--map=web=h:1{port} --map=admin=@a=b --map=listen=/{name}":      "h:180 h:181 @a=b /listen",
		"--map admin=/a h:{port}":                                        "h:80 h:81 /a h:9",
		"--map=admin=/a --map=web={name}:{port} --map=listen=/l /unused": "web:80 web:81 /a /l",
	} {
		o, err := parseOptions(args(line))
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		routes, err := o.targets.routes(listeners)
		var got []string
		for i, route := range routes {
			if route.Listener != listeners[i] {
				t.Errorf("%q: route %d is that of %s", line, i, route.Listener.Address)
			}
			got = append(got, route.Target.String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q leads to %q, %v; want %s", line, got, err, want)
		}
	}
}

// TestRoutesOfFamily has --family= before and after what it is about.
func TestRoutesOfFamily(t *testing.T) {
	listeners := []*activation.Listener{listener("web", "127.0.0.1:80", 80), listener("vm", "vsock::4294967294", 4294967294)}
	for line, want := range map[string]string{
		"vsock:3:{port}":                               "vsock:3:80 vsock:3:4294967294",
		"--family=vsock 3:{port}":                      "vsock:3:80 vsock:3:4294967294",
		"--map=web=host:{port} 3:1 --family=vsock":     "vsock:2:80 vsock:3:1",
		"--family=vsock --map=vm=vsock:local:{port} /": `target "/": not a VSOCK address with a port`,
		"--map=web=vsock:3:{port} 127.0.0.1:{port}":    `listener "vm" (vsock::4294967294): target "127.0.0.1:4294967294": port 4294967294 is out of range`,
		"--map=web=2:x /x --family=vsock":              `--map="web=2:x": target "2:x": "x" is not a VSOCK port`,
		"--family=vsock 3:{name}":                      `listener "web" (127.0.0.1:80): target "3:web": "web" is not a VSOCK port`,
		"--family=vsock 3:{prot}":                      `target "3:{prot}": "{prot}" is not a VSOCK port`,
	} {
		var got []string
		o, err := parseOptions(args(line))
		if err == nil {
			routes, failed := o.targets.routes(listeners)
			for _, route := range routes {
				literal, _ := route.Target.Literal()
				got = append(got, literal[0].String())
			}
			err = failed
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if !strings.HasPrefix(strings.Join(got, " "), want) {
			t.Errorf("%q leads to %q, want %q", line, got, want)
		}
	}
}

func TestRoutesRefuses(t *testing.T) {
	listeners := []*activation.Listener{listener("web", "127.0.0.1:80", 80), listener("web", "[::1]:81", 81), listener("admin", "/run/admin", 0)}
	for line, want := range map[string]string{
		"--map":                       "option --map needs a value; see --help",
		"--map=":                      `--map="": need NAME=TARGET, with the name of a listener`,
		"--map=web":                   `--map="web": need NAME=TARGET`,
		"--map==/x":                   `--map="=/x": need NAME=TARGET`,
		"--map=web=":                  `--map="web=": target "": empty; write HOST:PORT, /PATH or @NAME`,
		"--map=web=h:0":               `--map="web=h:0": target "h:0": port 0 is out of range`,
		"--map=web=h:{prot}":          `--map="web=h:{prot}": target "h:{prot}": only the listener's {port} and {name}`,
		"--map=web=/x --map=web=/y":   `--map="web=/y": listener "web" already has a target`,
		"--map=web=/x":                `listener "admin" (/run/admin): no target given; write --map=admin=TARGET, or a target for all listeners without one`,
		"--map=wbe=/x /y":             `--map="wbe=/x": no listener is named "wbe"; choose from "web", "admin"`,
		"--map=web=/x h:{port}":       `listener "admin" (/run/admin): target "h:{port}": the listener has no port for {port}; `,
		"--map=admin=/x h:777{port}0": `listener "web" (127.0.0.1:80): target "h:777800": port 777800 is out of range; use 1 to 65535`,
		"--map=web=/x /y /z":          `2 targets given ("/y", "/z"), need exactly one`,
	} {
		o, err := parseOptions(args(line))
		if err == nil {
			_, err = o.targets.routes(listeners)
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", line, err, want)
		}
	}
}
