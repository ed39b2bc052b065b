package torture

import (
	"fmt"
	"strings"
	"time"
)

// connection is one of those through the proxy, with what both its ends have done.
type connection struct {
	*stage
	number  uint64
	plan    *plan
	ends    [2]*end // nil until they are there
	streams [2]stream
	began   time.Time
	moved   time.Duration // when anything last moved, by the stage's clock
	notes   []note
	abrupt  bool // its target has left at once, without asking whose it is
	failed  bool // a violation has been found, and nothing else is judged
	over    bool
}

// note is a line about what has happened, to explain a violation.
type note struct {
	at   time.Duration
	who  role
	text string
	done step // if there is no text
}

// mostNotes of a connection are kept: the first and the last.
const mostNotes = 40

func (e *end) note(format string, args ...any) {
	e.of.add(note{who: e.who, text: fmt.Sprintf(format, args...)})
}

func (c *connection) add(n note) {
	if len(c.notes) == mostNotes {
		c.notes = append(c.notes[:mostNotes/2], c.notes[mostNotes/2+1:]...)
	}
	n.at = time.Since(c.began)
	c.notes = append(c.notes, n)
}

func (n note) String() string {
	text := n.text
	if text == "" {
		text = "has done: " + n.done.String()
	}
	return fmt.Sprintf("%9.3f ms: the %v %s", float64(n.at)/float64(time.Millisecond), n.who, text)
}

// story is all that is known of a connection.
func (c *connection) story() string {
	var text strings.Builder
	fmt.Fprintf(&text, "  the plan: %v", c.plan)
	for who, e := range c.ends {
		fmt.Fprintf(&text, "\n  the %v: %v%s", role(who), e, e.kernelSays())
	}
	for _, n := range c.notes {
		fmt.Fprintf(&text, "\n  %v", n)
	}
	return text.String()
}

// settle sees whether a connection is over when one of its ends has left.
func (s *stage) settle(c *connection) {
	one, other := c.ends[client], c.ends[target]
	switch {
	case c.over || one != nil && !one.left || other != nil && !other.left:
		return
	case other == nil && !c.failed && !c.abrupt && one.mayArrive():
		return // the target may hear of it yet: see standsStill
	}
	s.forget(c)
}

// forget ends a connection.
func (s *stage) forget(c *connection) {
	c.over = true
	s.abandon(c)
	delete(s.open, c.number)
	s.account.played++
}

// mayArrive reports whether a client that has left had said who it is.
func (e *end) mayArrive() bool { return e.sent >= identitySize && !e.sawBreak }
