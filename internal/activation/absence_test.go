package activation

import (
	"os"
	"strings"
	"testing"
)

// What stands in the way of sockets that somebody means to pass is named.
func TestAbsence(t *testing.T) {
	for name, test := range map[string]struct {
		socketOnStdin bool
		variables     []string
		want          string
		never         string
	}{
		"nothing":         {false, nil, "no sockets passed in; start it from a socket unit", "StandardInput"},
		"another process": {false, []string{"LISTEN_PID=1", "LISTEN_FDS=1"}, "$LISTEN_PID names 1; a wrapper must exec the program", "socket unit"},
		"no count":        {false, []string{"LISTEN_PID=1"}, "no sockets passed in; start it from a socket unit", "LISTEN_PID"},
		"another life":    {false, []string{"LISTEN_PID=" + ownPID, "LISTEN_FDS=1", "LISTEN_PIDFDID=1"}, "$LISTEN_PIDFDID names another one", "exec"},
		"standard input":  {true, nil, "standard input is a socket", "exec"},
		"both":            {true, []string{"LISTEN_PID=1", "LISTEN_FDS=1"}, "$LISTEN_PID names 1", "StandardInput"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdin *os.File
			if test.socketOnStdin {
				stdin = listeningSocket(t, 0)
			}
			got := runChildOn(t, stdin, nil, test.variables...).Absence
			if !strings.Contains(got, test.want) || strings.Contains(got, test.never) {
				t.Errorf("says %q, want %q in it and not %q", got, test.want, test.never)
			}
		})
	}
}
