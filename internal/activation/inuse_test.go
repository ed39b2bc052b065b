package activation

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// wantInUse has Listen wait for an address in vain, by a clock that does not.
func wantInUse(t *testing.T, spec, want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l, err := Listen(spec)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--listen=%s: %v", spec, err)
		}
		if after := time.Since(began); after < patience || after > patience+2*tryEvery {
			t.Errorf("--listen=%s: given up after %v", spec, after)
		}
	})
}

// inUse are addresses of each kind.
func inUse(t *testing.T) []string {
	return []string{"127.0.0.1:0", "@activation-test-twice-" + strconv.Itoa(os.Getpid()), filepath.Join(t.TempDir(), "s")}
}

func TestListenAddressInUse(t *testing.T) {
	for _, spec := range inUse(t)[:2] {
		wantInUse(t, mustListen(t, spec).Address, "address already in use; stop the process")
	}
}

// TestListenWaits has an address become free after a while, as that of a process which was
// killed.
func TestListenWaits(t *testing.T) {
	for _, spec := range inUse(t) {
		first, err := Listen(spec)
		if err != nil {
			t.Fatal(err)
		}
		first.path = nil // its file stays
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			time.AfterFunc(time.Second, func() {
				if err := first.Close(); err != nil {
					t.Error(err)
				}
			})
			l, err := Listen(first.Address)
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
			if after := time.Since(began); after < time.Second || after > time.Second+2*tryEvery {
				t.Errorf("%s: listens after %v", spec, after)
			}
		})
	}
}

// TestListenDoesNotWait has errors that no waiting mends come at once.
func TestListenDoesNotWait(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{"192.0.2.1:80", file, "/nowhere/s", "nonsense"} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if _, err := Listen(spec); err == nil {
				t.Errorf("--listen=%s succeeded", spec)
			}
			if after := time.Since(began); after > 0 {
				t.Errorf("--listen=%s: refused after %v", spec, after)
			}
		})
	}
}

// freePort is a port that nobody has at the moment, of either family.
func freePort(t *testing.T) string {
	t.Helper()
	l := mustListen(t, "0")
	defer func() { _ = l.Close() }()
	return portOf(t, l)
}

// listenAll opens listeners that are closed with the test.
func listenAll(t *testing.T, others []*Listener, specs ...string) ([]*Listener, error) {
	t.Helper()
	listeners, err := ListenAll(specs, others)
	t.Cleanup(func() { closeAll(listeners) })
	return listeners, err
}

// TestListenBothFamilies asks for one port of all IPv4 and of all IPv6 addresses: each
// gets its clients.
func TestListenBothFamilies(t *testing.T) {
	for _, specs := range [][]string{
		{"0.0.0.0:%", "[::]:%"}, {"[::]:%", "0.0.0.0:%"}, {"a=0.0.0.0:%", "b=%"}, {"%", "0.0.0.0:%"},
	} {
		port := freePort(t)
		for i := range specs {
			specs[i] = strings.ReplaceAll(specs[i], "%", port)
		}
		listeners, err := listenAll(t, nil, specs...)
		if err != nil {
			t.Errorf("%q: %v", specs, err)
			continue
		}
		for _, l := range listeners {
			if l.Family == unix.AF_INET {
				reaches(t, l, "tcp4", "127.0.0.1:"+port)
			} else {
				reaches(t, l, "tcp6", "[::1]:"+port)
			}
		}
	}
	port := freePort(t)
	inherited := mustListen(t, "0.0.0.0:"+port)
	listeners, err := listenAll(t, []*Listener{inherited}, port)
	if err != nil {
		t.Fatalf("beside one that was passed in: %v", err)
	}
	reaches(t, listeners[0], "tcp6", "[::1]:"+port)
	reaches(t, inherited, "tcp4", "127.0.0.1:"+port)
}

// TestListenTwice asks for what the program has itself: no other process is to blame.
func TestListenTwice(t *testing.T) {
	path, name := filepath.Join(t.TempDir(), "s"), "@activation-test-own-"+strconv.Itoa(os.Getpid())
	for _, specs := range [][]string{
		{"web=%", "api=%"}, {"web=127.0.0.1:%", "127.0.0.1:%"}, {"web=127.0.0.1:%", "[::]:%"}, {"web=127.0.0.1:%", "%"},
		{"web=%", "127.0.0.1:%"}, {"web=127.0.0.1:%", "0.0.0.0:%"}, {"web=[::1]:%", "[::]:%"}, {"web=[::]:%", "[::1]:%"},
		{"web=" + path, path}, {"web=" + name, name},
	} {
		port := freePort(t)
		for i := range specs {
			specs[i] = strings.ReplaceAll(specs[i], "%", port)
		}
		began := time.Now()
		listeners, err := listenAll(t, nil, specs...)
		if err == nil || listeners != nil {
			t.Errorf("%q: succeeded", specs)
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, `--listen="`+specs[1]+`": this program already listens on `) || !strings.Contains(text, `("web"); `) {
			t.Errorf("%q: %v", specs, err)
		}
		if time.Since(began) > patience {
			t.Errorf("%q: it was waited for", specs)
		}
		if exists(path) {
			t.Errorf("%q: the file is left behind", specs)
		}
	}
	l := mustListen(t, "127.0.0.1:0")
	if _, err := ListenFor("--metrics", l.Address, []*Listener{l}); err == nil || !strings.HasPrefix(err.Error(), `--metrics="`+l.Address+`": this program already listens on `+l.Address) {
		t.Errorf("another option: %v", err)
	}
}

// TestListenOthersInUse asks for an address that another process has, beside one of the
// program's own that is none of its business.
func TestListenOthersInUse(t *testing.T) {
	other := mustListen(t, "[::1]:0")
	port := portOf(t, other)
	synctest.Test(t, func(t *testing.T) {
		for _, specs := range [][]string{{"127.0.0.1:" + port, "[::1]:" + port}, {"0.0.0.0:" + port, "[::]:" + port}} {
			_, err := ListenAll(specs, nil)
			if err == nil || !strings.Contains(err.Error(), specs[1]) || !strings.Contains(err.Error(), "stop the process that listens there") {
				t.Errorf("%q: %v", specs, err)
			}
			if !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%q: %v", specs, err)
			}
		}
	})
}
