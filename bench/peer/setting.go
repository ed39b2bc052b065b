package peer

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

//go:embed conf
var conf embed.FS

// connectionsMax is how many connections every peer is allowed; idle-3000 needs 3000.
const connectionsMax = 5000

// Setting is what a peer has to do, and what its templates can use.
type Setting struct {
	Listen    string // IP:PORT or path; "" if Inherited
	Target    string // IP:PORT or path
	Directory string // of the peer's own, for its files
	Inherited bool   // the listening socket is descriptor 3

	// The rest is filled in.
	Unix        bool   // Target, and so Listen, is a path
	Host, Port  string // of Listen
	Config      string // path of the configuration file
	Connections int
	Descriptors uint64 // that a process may have
	Module      string // nginx's stream module, or "" if it is built in
	Root        bool
	Extra       []string
}

// complete fills in the fields that follow from the others.
func (s *Setting) complete(p *Peer) error {
	s.Unix = strings.HasPrefix(s.Target, "/")
	if !s.Unix && s.Listen != "" {
		var err error
		if s.Host, s.Port, err = net.SplitHostPort(s.Listen); err != nil {
			return fmt.Errorf("listen address %q: %w", s.Listen, err)
		}
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	s.Config = filepath.Join(s.Directory, p.templates()+".cfg")
	s.Connections, s.Descriptors = connectionsMax, limit.Cur
	s.Module, s.Root, s.Extra = modulePath(), os.Getuid() == 0, p.Extra
	return nil
}

// templates returns the name of p's files in conf.
func (p *Peer) templates() string {
	if p.conf != "" {
		return p.conf
	}
	return p.Name
}

// arguments returns the program's arguments, one per line of the template.
func (p *Peer) arguments(s *Setting) ([]string, error) {
	text, err := expand(p.templates()+".args", s)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(text), "\n"), nil
}

// configuration returns the text of the configuration file, or "" if p has none.
func (p *Peer) configuration(s *Setting) (string, error) {
	text, err := expand(p.templates()+".cfg", s)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return text, err
}

func expand(name string, s *Setting) (string, error) {
	text, err := conf.ReadFile("conf/" + name)
	if err != nil {
		return "", err
	}
	t, err := template.New(name).Parse(string(text))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, s)
	return b.String(), err
}
