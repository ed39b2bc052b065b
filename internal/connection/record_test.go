package connection

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"slices"
	"testing"
)

// halfRecord is a half that forwards as plain values, from which it can go on: in another
// process, or on another engine.
type halfRecord struct {
	Input             Input
	Held              int
	Passed            []int
	Moved             uint64
	Done, Short       bool
	NoSplice, Nobody  bool
	SourceKnownBroken bool
}

// derived are the fields of a half that are not part of its record, and why.
var derived = map[string]string{
	"Connection":  "it is that of the record",
	"Source":      "it is a socket of the connection",
	"Destination": "it is a socket of the connection",
	"Reading":     "nothing is in flight when a record is made",
	"Writing":     "nothing is in flight when a record is made",
	"Way":         "each engine finds out by itself",
	"Pipe":        "its bytes are part of what is held",
	"Closing":     "descriptors are closed before a record is made",
	"scheduled":   "proceeding puts it in line again",
	"streak":      "each engine finds out by itself",
	"seen":        "the next look sees again, but for a source known to be broken",
}

var recorded = []string{"Input", "Held", "Passed", "Moved", "Done", "Short", "NoSplice", "forNobody"}

// TestHalfIsItsRecord checks that nothing is kept of a half but what is in its record or
// follows from elsewhere.
func TestHalfIsItsRecord(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Half]()) {
		if _, ok := derived[field.Name]; ok == slices.Contains(recorded, field.Name) {
			t.Errorf("the field %s of a half is to be part of its record, or to follow from something else", field.Name)
		}
	}
}

// rewrite writes a half as a record, reads that, and has the half go on from it.
func (f *fake) rewrite(h *Half) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(halfRecord{h.Input, h.Held, h.Passed, h.Moved, h.Done, h.Short, h.NoSplice, h.forNobody, h.Broke()})
	var r halfRecord
	if err == nil {
		err = gob.NewDecoder(&b).Decode(&r)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	*h = Half{
		Connection: h.Connection, Source: h.Source, Destination: h.Destination,
		Input: r.Input, Held: r.Held, Passed: r.Passed, Moved: r.Moved,
		Done: r.Done, Short: r.Short, NoSplice: r.NoSplice, forNobody: r.Nobody,
	}
	if r.SourceKnownBroken {
		f.NotForLong(h)
	}
}
