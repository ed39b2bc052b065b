package crew

import (
	"testing"

	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

// runMessages is a worker's part in a sample.
func runMessages(w *fakeWorker) {
	messages, _ := w.inbox.Take()
	for _, message := range messages {
		message()
	}
}

// TestSampleOfStuckMember asks two members, one of which is stuck from the second
// time on, and one ends.
func TestSampleOfStuckMember(t *testing.T) {
	crew := newCrew(&forward.Policy{Workers: 2}, Services{})
	var members [2]*fakeWorker
	for i := range members {
		inbox, err := NewInbox()
		if err != nil {
			t.Fatal(err)
		}
		defer inbox.Close()
		members[i] = &fakeWorker{crew: crew, inbox: inbox}
		crew.Join(members[i])
	}
	ask := func(answering ...*fakeWorker) statistics.Sample {
		asked := make(chan statistics.Sample)
		go func() { asked <- crew.Sample() }()
		for {
			select {
			case sample := <-asked:
				return sample
			default:
				for _, w := range answering {
					runMessages(w)
				}
			}
		}
	}
	both := statistics.Sample{Ring: statistics.RingCounts{Enters: 2}, Pool: statistics.PoolUse{Buffers: 4}}
	if got := ask(members[0]); got.Ring.Enters != 1 || got.Pool.Buffers != 2 {
		t.Errorf("with one that has never answered: %+v", got)
	}
	if got := ask(members[0], members[1]); got != both {
		t.Errorf("with both: %+v", got)
	}
	if got := ask(members[1]); got != both {
		t.Errorf("with one that has answered before: %+v", got)
	}
	members[0].inbox.Shut()
	members[1].inbox.Shut()
	if got := ask(); got != both {
		t.Errorf("after the end: %+v", got)
	}
}
