package ring

import (
	"testing"

	"uring-socket-proxyd/bufpool"
)

func TestPoolShape(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		size        int
		incremental bool
		count, each int
	}{
		{32 * mib, true, 32, mib},
		{32 * mib, false, 512, 64 << 10},
		{mib, true, 32, 32 << 10},
		{mib, false, 16, 64 << 10},
		{48 * mib, true, 32, 1536 << 10},
		{48 * mib, false, 512, 96 << 10},
		{63 * mib, true, 32, 2016 << 10},
		{64 * mib, true, 64, mib},
		{4096 * mib, true, 4096, mib},
		{4096 * mib, false, 4096, mib},
		{mib + 1, true, 32, 32 << 10},
		{5*mib + 12345, false, 64, 80 << 10},
	} {
		got := poolShape(test.size, test.incremental)
		if want := (bufpool.Config{Count: test.count, Size: test.each, Incremental: test.incremental}); got != want {
			t.Errorf("poolShape(%d, %v) = %+v, want %+v", test.size, test.incremental, got, want)
		}
	}
	for size := mib; size <= 4096*mib; size += size/7 + 1 {
		for _, incremental := range []bool{true, false} {
			got := poolShape(size, incremental)
			lost := size - got.Count*got.Size
			if got.Count&(got.Count-1) != 0 || got.Count > 4096 || got.Size%pageSize != 0 || lost < 0 || lost >= got.Count*pageSize {
				t.Errorf("poolShape(%d, %v) = %+v, %d bytes lost", size, incremental, got, lost)
			}
		}
	}
}
