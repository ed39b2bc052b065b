package connection

import (
	"slices"
	"testing"
	"time"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/target"
)

func unixAddress(t *testing.T, name string) *target.Address {
	t.Helper()
	to, err := target.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	addresses, ok := to.Literal()
	if !ok || len(addresses) != 1 {
		t.Fatalf("%s is not one address", name)
	}
	return &addresses[0]
}

// TestBacklogLines has connections wait for two addresses: each line is served in order, as
// far as there is room, and nobody behind its first is tried before it.
func TestBacklogLines(t *testing.T) {
	b := newBacklogLines[int](forward.Timeouts{})
	if b.Time != BacklogTime || newBacklogLines[int](forward.Timeouts{Connect: 1}).Time != 0 {
		t.Error("the time is not that of the option, or not bounded without it")
	}
	one, two := unixAddress(t, "@one"), unixAddress(t, "@two")
	places := make([]backlogPlace, 8)
	for i := range places {
		b.Join([]*target.Address{one, two}[i%2], i, &places[i])
	}
	again := unixAddress(t, "@one")
	if !b.Waited(again) || b.Waited(unixAddress(t, "@three")) || b.Empty() || places[0].IsNowhere() {
		t.Fatal("who waits, and for what, is not known")
	}
	places[2].Leave() // the second in the line for one
	places[2].Leave() // nowhere any more
	room := map[int]int{0: 2, 1: 1}
	var tried []int
	try := func(first int, overdue bool) bool {
		tried = append(tried, first)
		if overdue {
			t.Errorf("%d is overdue", first)
		}
		if room[first%2] == 0 {
			return false
		}
		room[first%2]--
		places[first].Leave()
		return true
	}
	b.Try(try)
	slices.Sort(tried)
	if want := []int{0, 1, 3, 4, 6}; !slices.Equal(tried, want) {
		t.Errorf("%v were tried, want %v", tried, want)
	}
	room, tried = map[int]int{0: 10, 1: 0}, nil
	b.Try(try)
	if b.Waited(one) || !b.Waited(two) {
		t.Error("a line is left without anybody, or is gone with somebody")
	}
	room[1] = 10
	b.Try(try)
	if want := []int{3, 5, 7}; !b.Empty() || !slices.Equal(tried[len(tried)-3:], want) {
		t.Errorf("%v were tried last, want %v, and nobody left", tried, want)
	}
}

// TestBacklogTime has connections wait for longer than they may.
func TestBacklogTime(t *testing.T) {
	b := newBacklogLines[int](forward.Timeouts{})
	b.Time = time.Nanosecond
	places := make([]backlogPlace, 2)
	for i := range places {
		b.Join(unixAddress(t, "@one"), i, &places[i])
	}
	for since := time.Now(); time.Since(since) <= b.Time; {
	}
	gaveUp := 0
	b.Try(func(first int, overdue bool) bool {
		if overdue {
			gaveUp++
			places[first].Leave()
		}
		return overdue
	})
	if gaveUp != 2 || !b.Empty() {
		t.Errorf("%d were given up, want 2", gaveUp)
	}
	b.Time = 0
	b.Join(unixAddress(t, "@one"), 0, &places[0])
	b.Try(func(_ int, overdue bool) bool {
		if overdue {
			t.Error("overdue without a time")
		}
		return false
	})
}
