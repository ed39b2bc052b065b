package crew

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/activation"
	"uring-socket-proxyd/internal/forward"
	"uring-socket-proxyd/internal/statistics"
)

// TestCrewBegins hands clients to two members, over a limit and within it, with a
// listener and without.
func TestCrewBegins(t *testing.T) {
	before := descriptors(t)
	for _, listens := range []bool{false, true} {
		policy := &forward.Policy{Workers: 2, Limits: forward.Limits{Connections: 3}}
		services := Services{Gate: NewGate(3, nil)}
		route := &forward.Route{Listener: &activation.Listener{Address: "a"}}
		if listens {
			policy.Routes = []forward.Route{*route}
		}
		for range 5 {
			services.Clients = append(services.Clients, Client{Route: route, FD: openNull(t)})
		}
		crew := newCrew(policy, services)
		var workers []*fakeWorker
		for index := range policy.Workers {
			inbox, err := NewInbox()
			if err != nil {
				t.Fatal(err)
			}
			w := &fakeWorker{crew: crew, index: index, inbox: inbox, accepting: true}
			workers = append(workers, w)
			crew.Join(w)
		}
		crew.Begin(true)
		for i, w := range workers {
			messages, clients := w.inbox.Take()
			for _, message := range messages {
				message()
			}
			if len(clients) != 2-i || w.accepting != listens {
				t.Errorf("listening %v: worker %d has %d clients, accepting %v", listens, i, len(clients), w.accepting)
			}
			for _, client := range clients {
				if flags, err := unix.FcntlInt(uintptr(client.FD), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
					t.Errorf("flags %#x, %v; want a non-blocking descriptor", flags, err)
				}
			}
			w.clients = clients
			if !listens {
				crew.Quiet()
			}
		}
		if counts := crew.Counters(); counts.Of[statistics.Accepted] != 3 || counts.Of[statistics.Refused] != 2 {
			t.Errorf("accepted %d, refused %d; want 3 and 2", counts.Of[statistics.Accepted], counts.Of[statistics.Refused])
		}
		for i, w := range workers {
			if crew.phase == phaseStopping {
				t.Errorf("listening %v: it ends before worker %d has", listens, i)
			}
			w.closeAll()
		}
		if ends := crew.phase == phaseStopping; ends == listens {
			t.Errorf("listening %v: it ends %v", listens, ends)
		}
		for _, w := range workers {
			w.inbox.Close()
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func openNull(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
