package socket

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestTuneBoundsWhatIsUnsent: TCP keeps a send buffer that grows, UNIX sockets get a small one.
func TestTuneBoundsWhatIsUnsent(t *testing.T) {
	const most = 16 << 10
	for _, test := range []struct{ family, level, option int }{
		{unix.AF_INET, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT},
		{unix.AF_UNIX, unix.SOL_SOCKET, unix.SO_SNDBUF},
	} {
		for _, bounded := range []int{0, most} {
			fd, err := System{MostUnsent: bounded}.Open(test.family, 0)
			if err != nil {
				t.Fatal(err)
			}
			got, err := unix.GetsockoptInt(fd, test.level, test.option)
			unix.Close(fd)
			if err != nil || (got == most) != (bounded > 0) {
				t.Errorf("family %d with MostUnsent %d: %d, %v", test.family, bounded, got, err)
			}
		}
	}
}
