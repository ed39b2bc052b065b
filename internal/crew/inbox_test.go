package crew

import "testing"

func TestInboxLetsNothingInAfterShut(t *testing.T) {
	b, err := NewInbox()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ran := 0
	b.Post(func() { ran++ })
	if !b.Hand(Client{FD: 7}) || !b.Pending() {
		t.Fatal("a client was not taken")
	}
	messages, clients := b.Take()
	if len(messages) != 1 || len(clients) != 1 || clients[0].FD != 7 || b.Pending() {
		t.Errorf("the box held %d messages and %v", len(messages), clients)
	}
	b.Post(func() { ran++ })
	b.Hand(Client{FD: 8})
	if left := b.Shut(); len(left) != 1 || left[0].FD != 8 {
		t.Errorf("%v was left, want the client 8", left)
	}
	b.Post(func() { ran++ })
	if b.Hand(Client{FD: 9}) {
		t.Error("a client went into a box that is shut")
	}
	if b.Pending() || len(b.Shut()) > 0 || ran != 0 {
		t.Error("something is in a box that is shut")
	}
}
