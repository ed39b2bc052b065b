package ring

import (
	"testing"

	"uring-socket-proxyd/bufpool"
)

func TestPoolShape(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct{ size, count, each int }{
		{mib, 16, 64 << 10},
		{8 * mib, 128, 64 << 10},
		{32 * mib, 512, 64 << 10},
		{48 * mib, 512, 96 << 10},
		{4096 * mib, 4096, mib},
		{5*mib + 12345, 64, 80 << 10},
	} {
		got := poolShape(test.size)
		if want := (bufpool.Config{Count: test.count, Size: test.each}); got != want {
			t.Errorf("poolShape(%d) = %+v, want %+v", test.size, got, want)
		}
	}
	for size := mib; size <= 4096*mib; size += size/7 + 1 {
		got := poolShape(size)
		lost := size - got.Count*got.Size
		if got.Count&(got.Count-1) != 0 || got.Count > 4096 || got.Size%pageSize != 0 || lost < 0 || lost >= got.Count*pageSize {
			t.Errorf("poolShape(%d) = %+v, %d bytes lost", size, got, lost)
		}
	}
}
