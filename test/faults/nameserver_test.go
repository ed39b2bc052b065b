package faults

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// nameServer answers every query for an IPv4 address with 127.0.0.1, and for an IPv6 one
// with ::1 if there is to be such, as long as it does answer.
type nameServer struct {
	t      *testing.T
	conn   *net.UDPConn
	mu     sync.Mutex
	silent func(dnsmessage.Type) bool // of which queries it is
	held   []query                    // these
	ipv6   bool
	code   dnsmessage.RCode
}

type query struct {
	from     *net.UDPAddr
	id       uint16
	question dnsmessage.Question
}

func none(dnsmessage.Type) bool { return false }
func all(dnsmessage.Type) bool  { return true }

var nameServers atomic.Uint32

// startNameServer starts one on a loopback address of its own.
func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	n := nameServers.Add(1)
	address := &net.UDPAddr{IP: net.IPv4(127, 86, byte(n>>8), byte(n)), Port: 53}
	conn, err := net.ListenUDP("udp4", address)
	if err != nil {
		t.Skipf("no name server: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &nameServer{t: t, conn: conn, silent: none}
	go s.serve()
	return s
}

func (s *nameServer) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		var message dnsmessage.Message
		if err := message.Unpack(buffer[:n]); err != nil || len(message.Questions) != 1 {
			continue // is no query
		}
		q := query{from, message.ID, message.Questions[0]}
		s.mu.Lock()
		if s.silent(q.question.Type) {
			s.held = append(s.held, q)
		} else {
			s.answer(q)
		}
		s.mu.Unlock()
	}
}

// answer answers under the lock.
func (s *nameServer) answer(q query) {
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.id, Response: true, RecursionDesired: true, RecursionAvailable: true, RCode: s.code},
		Questions: []dnsmessage.Question{q.question},
	}
	var body dnsmessage.ResourceBody
	switch {
	case s.code != dnsmessage.RCodeSuccess:
	case q.question.Type == dnsmessage.TypeA:
		body = &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}
	case q.question.Type == dnsmessage.TypeAAAA && s.ipv6:
		body = &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}
	}
	if body != nil {
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.question.Name, Type: q.question.Type, Class: q.question.Class, TTL: 1},
			Body:   body,
		}}
	}
	packet, err := reply.Pack()
	if err != nil {
		return
	}
	_, _ = s.conn.WriteToUDP(packet, q.from)
}

// hush makes the server silent, or of some queries.
func (s *nameServer) hush(of func(dnsmessage.Type) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = of
}

// speak ends that, and answers what was asked meanwhile.
func (s *nameServer) speak() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = none
	for _, q := range s.held {
		s.answer(q)
	}
	s.held = nil
}

// asked is how many queries wait.
func (s *nameServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// fail gives all further answers a code.
func (s *nameServer) fail(code dnsmessage.RCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = code
}

// asResolver calls f where this server, and no other, resolves names: in a mount
// namespace of a thread that ends with f.
func (s *nameServer) asResolver(f func()) {
	s.t.Helper()
	directory := s.t.TempDir()
	files := map[string]string{
		"/etc/resolv.conf":   fmt.Sprintf("nameserver %s\noptions timeout:30 attempts:5\n", s.conn.LocalAddr().(*net.UDPAddr).IP),
		"/etc/nsswitch.conf": "hosts: files dns\n",
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread is not to be used again
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			s.t.Errorf("no mount namespace: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			s.t.Errorf("making mounts private: %v", err)
			return
		}
		for path, text := range files {
			if err := replace(path, filepath.Join(directory, filepath.Base(path)), text); err != nil {
				s.t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

// replace puts a file with a text in the place of another, for those in this mount
// namespace. A file that is not there need not be.
func replace(path, by, text string) error {
	if err := os.WriteFile(by, []byte(text), 0o644); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(by, real, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting over %s: %w", real, err)
	}
	return nil
}

// there reports whether a file that the resolver reads is there to be replaced.
func there(path string) need {
	return func() string {
		if _, err := filepath.EvalSymlinks(path); err != nil {
			return fmt.Sprintf("there is no %s to mount over", path)
		}
		return ""
	}
}
