package activation

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager plays the service manager's end of sd_notify(3) at address, and
// points this process to it.
func manager(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", address)
	return conn
}

func mustNotifier(t *testing.T) *Notifier {
	t.Helper()
	n, err := NewNotifier()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNotifierMessages(t *testing.T) {
	for name, address := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@activation-test-notify-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			conn := manager(t, address)
			n := mustNotifier(t)
			for _, message := range []struct {
				send func() error
				want string
			}{
				{n.Ready, "READY=1"},
				{n.Watchdog, "WATCHDOG=1"},
				{func() error { return n.Status("3 connections") }, "STATUS=3 connections"},
				{func() error { return n.Status("a\nREADY=1") }, "STATUS=a READY=1"},
				{func() error { return n.Stopping(0) }, "STOPPING=1"},
				{func() error { return n.Stopping(90 * time.Second) }, "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000"},
			} {
				if err := message.send(); err != nil {
					t.Fatal(err)
				}
				buffer := make([]byte, 256)
				length, err := conn.Read(buffer)
				if got := string(buffer[:length]); err != nil || got != message.want {
					t.Errorf("got %q, %v; want %q", got, err, message.want)
				}
			}
		})
	}
}

func TestNotifierWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := mustNotifier(t)
	for _, send := range []func() error{n.Ready, n.Watchdog, func() error { return n.Stopping(0) }, func() error { return n.Status("x") }} {
		if err := send(); err != nil {
			t.Errorf("not a no-op: %v", err)
		}
	}
}

func TestNotifierManagerGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := mustNotifier(t).Ready(); err == nil {
		t.Error("no error for a message that nobody received")
	}
}

func TestWatchdogInterval(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
		fault     string
	}{
		{"", "", 0, ""},
		{"", own, 0, ""},
		{"30000000", "", 30 * time.Second, ""},
		{"30000000", own, 30 * time.Second, ""},
		{"1", own, time.Microsecond, ""},
		{"30000000", "1", 0, ""},
		{"soon", "", 0, "WATCHDOG_USEC"},
		{"soon", "1", 0, "WATCHDOG_USEC"},
		{"0", own, 0, "WATCHDOG_USEC"},
		{"-5", own, 0, "WATCHDOG_USEC"},
		{"9223372036854775807", own, 0, "WATCHDOG_USEC"},
		{"18446744073709551615", own, 0, "WATCHDOG_USEC"},
		{"30000000", "me", 0, "WATCHDOG_PID"},
	} {
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", test.pid)
		n, err := NewNotifier()
		if n == nil || n.WatchdogInterval() != test.want {
			t.Errorf("%+v: got %+v", test, n)
		}
		if (err != nil) != (test.fault != "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%+v: got error %v", test, err)
		}
	}
}
