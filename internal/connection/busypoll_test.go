package connection

import (
	"testing"
	"time"
)

func TestBusyPollIsGivenUpAndTakenUp(t *testing.T) {
	b := NewBusyPoll(time.Second)
	if b.Pays() {
		t.Error("polls before anything has come soon")
	}
	b.Slept(b.Began())
	for range patience {
		if !b.Pays() {
			t.Fatal("does not poll after a short sleep")
		}
		b.Polled(true)
	}
	for i := range patience {
		if !b.Pays() {
			t.Fatalf("gave up after %d vain polls, not %d", i, patience)
		}
		b.Polled(false)
	}
	if b.Pays() {
		t.Errorf("polls after %d vain polls", patience)
	}
	b.Slept(time.Now().Add(-2 * time.Second))
	if b.Pays() {
		t.Error("polls after a long sleep")
	}
	b.Slept(b.Began())
	if !b.Pays() {
		t.Error("does not poll again after a short sleep")
	}
}

func TestNoBusyPoll(t *testing.T) {
	b := NewBusyPoll(0)
	began := b.Began()
	b.Slept(began)
	if b.Pays() || !began.IsZero() {
		t.Error("a limit of 0 polls, or reads the clock")
	}
}
