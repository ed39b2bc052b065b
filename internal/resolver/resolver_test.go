package resolver

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uring-socket-proxyd/internal/target"
)

// names is a resolver for tests: each lookup waits until it is answered.
type names struct {
	*resolver
	t     *testing.T
	asked chan target.Families

	mu      sync.Mutex
	answers map[target.Families]chan Answer
}

// newNames has each family asked for after delay.
func newNames(t *testing.T, delay time.Duration) *names {
	n := &names{t: t, asked: make(chan target.Families, 100), answers: make(map[target.Families]chan Answer)}
	n.resolver = newResolver(func(_ context.Context, _ target.Target, families target.Families) ([]target.Address, error) {
		n.asked <- families
		answer := <-n.channel(families)
		return answer.Addresses, answer.Err
	}, delay)
	return n
}

func (n *names) channel(families target.Families) chan Answer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.answers[families] == nil {
		n.answers[families] = make(chan Answer)
	}
	return n.answers[families]
}

// lookUp asks, and returns where the answer comes.
func (n *names) lookUp(whole bool) <-chan Answer {
	n.t.Helper()
	to, err := target.Parse("back.test:80")
	if err != nil {
		n.t.Fatal(err)
	}
	answers := make(chan Answer, 10) // more than one is too many
	n.Lookup(to, whole, func(a Answer) { answers <- a })
	return answers
}

// wantAsked waits for lookups to begin, in any order.
func (n *names) wantAsked(families ...target.Families) {
	n.t.Helper()
	var asked []target.Families
	for range families {
		asked = append(asked, <-n.asked)
	}
	slices.Sort(asked)
	if !slices.Equal(asked, families) {
		n.t.Errorf("%v is asked for, want %v", asked, families)
	}
}

// answer ends the lookup of some families with IP addresses, or with an error.
func (n *names) answer(families target.Families, ips ...string) {
	n.t.Helper()
	answer := Answer{}
	for _, ip := range ips {
		to, err := target.Parse(ip + ":80")
		if err != nil {
			n.t.Fatal(err)
		}
		literal, _ := to.Literal()
		answer.Addresses = append(answer.Addresses, literal...)
	}
	if ips == nil {
		answer.Err = errNoAddress
	}
	n.channel(families) <- answer
	for n.running(families) {
		runtime.Gosched()
	}
}

func (n *names) running(families target.Families) bool {
	n.resolver.mu.Lock()
	defer n.resolver.mu.Unlock()
	l := n.lookups["back.test:80"]
	return l != nil && l.running[families]
}

var errNoAddress = errors.New("no such host")

// wantAnswer checks the only answer that comes.
func wantAnswer(t *testing.T, answers <-chan Answer, partial bool, want string) {
	t.Helper()
	a := <-answers
	var got []string
	for _, address := range a.Addresses {
		got = append(got, address.String())
	}
	if text := strings.Join(got, " "); text != want || a.Partial != partial || (a.Err != nil) != (want == "") {
		t.Errorf("the answer is %q, partial %v, %v; want %q, partial %v", text, a.Partial, a.Err, want, partial)
	}
}

func wantNoAnswer(t *testing.T, answers <-chan Answer) {
	t.Helper()
	select {
	case a := <-answers:
		t.Errorf("an answer too many, or too early: %v", a)
	default:
	}
}

func TestResolverIsQuick(t *testing.T) {
	n := newNames(t, time.Hour)
	first, second := n.lookUp(false), n.lookUp(false)
	n.wantAsked(target.Both)
	n.answer(target.Both, "[::1]", "127.0.0.1")
	wantAnswer(t, first, false, "[::1]:80 127.0.0.1:80")
	wantAnswer(t, second, false, "[::1]:80 127.0.0.1:80")
	third := n.lookUp(false) // is looked up anew
	n.wantAsked(target.Both)
	n.answer(target.Both)
	wantAnswer(t, third, false, "")
	if len(n.lookups) != 0 {
		t.Errorf("%d lookups are left", len(n.lookups))
	}
}

// TestResolverIsSilent has no answer for one family: those who come meanwhile get that of
// the other, each a new one, and wait for no delay any more.
func TestResolverIsSilent(t *testing.T) {
	n := newNames(t, time.Millisecond)
	first := n.lookUp(false)
	n.wantAsked(target.Both, target.IPv4, target.IPv6)
	n.delay = time.Hour
	n.answer(target.IPv4, "127.0.0.1")
	wantAnswer(t, first, true, "127.0.0.1:80")
	for _, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		next := n.lookUp(false)
		n.wantAsked(target.IPv4)
		n.answer(target.IPv4, ip)
		wantAnswer(t, next, true, ip+":80")
	}
	whole, next := n.lookUp(true), n.lookUp(false)
	n.wantAsked(target.IPv4)
	n.answer(target.IPv4, "127.0.0.4")
	wantAnswer(t, next, true, "127.0.0.4:80")
	wantNoAnswer(t, whole)
	n.answer(target.Both, "127.0.0.5")
	wantAnswer(t, whole, false, "127.0.0.5:80")
	last := n.lookUp(false) // begins at the beginning
	n.wantAsked(target.Both)
	n.answer(target.IPv6, "[::1]") // asked for all the while
	wantAnswer(t, last, true, "[::1]:80")
	n.answer(target.Both, "127.0.0.6")
	wantNoAnswer(t, first)
	wantNoAnswer(t, last)
}

// TestResolverHasOneFamily has an answer for one family that it has no addresses.
func TestResolverHasOneFamily(t *testing.T) {
	n := newNames(t, time.Millisecond)
	first := n.lookUp(false)
	n.wantAsked(target.Both, target.IPv4, target.IPv6)
	n.answer(target.IPv6)
	wantNoAnswer(t, first)
	n.answer(target.IPv4, "127.0.0.1")
	wantAnswer(t, first, true, "127.0.0.1:80")
	second := n.lookUp(false)
	n.wantAsked(target.IPv4, target.IPv6)
	n.answer(target.Both)
	wantAnswer(t, second, false, "")
	n.answer(target.IPv4, "127.0.0.1")
	n.answer(target.IPv6)
	wantNoAnswer(t, second)
}
