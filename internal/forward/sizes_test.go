package forward

import "testing"

func TestSizesWithinALimit(t *testing.T) {
	usual := Limits{Connections: 256, BufferSize: DefaultBufferSize, PoolSize: DefaultPoolSize}
	const k, m = 1 << 10, 1 << 20
	for _, test := range []struct {
		name                 string
		memory               uint64
		workers, connections int
		given                Given
		buffer, pool, unsent int
	}{
		{"24M", 24 * m, 1, 256, Given{}, 16 * k, 2 * m, 16 * k},
		{"32M", 32 * m, 1, 256, Given{}, 16 * k, 4 * m, 16 * k},
		{"64M", 64 * m, 1, 256, Given{}, 16 * k, 8 * m, 32 * k},
		{"128M", 128 * m, 1, 256, Given{}, 32 * k, 8 * m, 64 * k},
		{"256M", 256 * m, 1, 256, Given{}, 64 * k, 8 * m, 128 * k},
		{"512M", 512 * m, 1, 256, Given{}, 256 * k, 8 * m, 0},
		{"1G", 1024 * m, 1, 256, Given{}, 512 * k, 8 * m, 0},
		{"almost wide", 1168 * m, 1, 256, Given{}, 512 * k, 8 * m, 0},
		{"wide", 1169 * m, 1, 256, Given{}, 1 * m, 8 * m, 0},
		{"hardly any", 1, 64, 256, Given{}, 16 * k, 1 * m, 16 * k},
		{"three workers", 32 * m, 3, 256, Given{}, 16 * k, 1 * m, 16 * k},
		{"few connections", 32 * m, 1, 8, Given{}, 512 * k, 4 * m, 0},
		{"a given buffer", 32 * m, 1, 256, Given{Buffer: true}, 1 * m, 4 * m, 16 * k},
		{"a given pool", 32 * m, 1, 256, Given{Pool: true}, 16 * k, 8 * m, 16 * k},
		{"as many connections as there are numbers", 1 << 40, 1, 1<<32 - 1, Given{}, 16 * k, 8 * m, 16 * k},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := usual
			l.Connections = test.connections
			want := l
			want.BufferSize, want.PoolSize, want.Unsent = test.buffer, test.pool, test.unsent
			if got := l.Within(test.memory, test.workers, test.given); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
