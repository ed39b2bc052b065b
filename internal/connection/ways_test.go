package connection

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// ways counts in how many lives of a worker a connection has gone from state to state.
type ways [states][states]int

func (w *ways) add(entered [states]uint16) {
	for from, to := range entered {
		for s := range states {
			w[from][s] += int(to >> s & 1)
		}
	}
}

// picture draws them, for Mermaid. The ways from a state to itself are left out: they are
// those of another try.
func (w *ways) picture() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for s := Greeting; s < states; s++ {
		fmt.Fprintf(&b, "    s%d: %v\n", s, s)
	}
	for from := range states {
		for to := range states {
			if w[from][to] > 0 && from != to {
				fmt.Fprintf(&b, "    %s --> %s\n", node(from), node(to))
			}
		}
	}
	return b.String() + "```\n"
}

func node(s State) string {
	if s == Free {
		return "[*]"
	}
	return fmt.Sprintf("s%d", s)
}

// check compares them with the picture in docs/architecture.md, or renews that.
func (w *ways) check(t *testing.T) {
	t.Helper()
	for from := range states {
		for to := range states {
			if n := w[from][to]; n > 0 {
				t.Logf("%6d lives: %v -> %v", n, from, to)
			}
		}
	}
	const path, begin, end = "../../docs/architecture.md", "<!-- states -->\n", "<!-- end of states -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	drawn, after, ok2 := strings.Cut(rest, end)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no place for the picture", path)
	case drawn == w.picture():
	case os.Getenv("RENEW_GENERATED") == "":
		t.Errorf("connections go other ways than %s draws:\n%s\nif that is right, run RENEW_GENERATED=yes go test -run TestLife ./internal/connection", path, w.picture())
	default:
		if err := os.WriteFile(path, []byte(before+begin+w.picture()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
