package report

import "testing"

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		happened []Outcome
		want     Outcome
	}{
		{[]Outcome{EndedBy(true), EndedBy(false)}, ClientEnded},
		{[]Outcome{EndedBy(false), EndedBy(true)}, TargetEnded},
		{[]Outcome{EndedBy(true), ResetBy(false), ResetBy(true)}, TargetReset},
		{[]Outcome{IdleTimeout, ResetBy(true), EndedBy(false)}, IdleTimeout},
		{[]Outcome{EndedBy(true), Stopped}, Stopped},
	} {
		var o Outcome
		for _, happened := range test.happened {
			o.Note(happened)
		}
		if o != test.want {
			t.Errorf("%v: %v, want %v", test.happened, o, test.want)
		}
	}
	for o := range Stopped + 1 {
		if o.String() == "" {
			t.Errorf("outcome %d has no name", o)
		}
	}
}
