package scenario

import (
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// The names are an interface: results of different versions are compared by them.
func TestNames(t *testing.T) {
	want := []string{"echo-1", "echo-8", "echo-64", "echo-1000", "connect-8", "stream-1", "stream-16", "stream-64",
		"duplex-8", "idle-3000", "activate", "unix-64", "unix-stream-8"}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("scenarios are %q, want %q", got, want)
	}
}

func TestNamesTellTheConnections(t *testing.T) {
	for _, s := range All {
		if digits := regexp.MustCompile(`\d+$`).FindString(s.Name); digits != "" && digits != strconv.Itoa(s.Connections) {
			t.Errorf("%s has %d connections", s.Name, s.Connections)
		}
		if s.Description == "" || s.MessageSize == 0 || s.MessageSize > 64<<10 {
			t.Errorf("%s is incomplete: %+v", s.Name, s)
		}
	}
}

func TestNamed(t *testing.T) {
	found, err := Named([]string{"stream-1", "echo-1"})
	if err != nil || len(found) != 2 || found[0].Name != "echo-1" {
		t.Errorf("found %v, %v", found, err)
	}
	if found, err := Named(nil); err != nil || len(found) != len(All) {
		t.Errorf("without names: %d, %v", len(found), err)
	}
	if _, err := Named([]string{"echo-2"}); err == nil {
		t.Error("echo-2 was accepted")
	}
}
