package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const program = "uring-socket-proxyd"

// longNames are the options, from --help: --name, or --name= if it needs a value.
func longNames(t *testing.T) (names []string) {
	t.Helper()
	for _, block := range helpBlocks(t) {
		name, _, _ := strings.Cut(block, " ")
		name, _, _ = strings.Cut(name, "[")
		if at := strings.IndexByte(name, '='); at >= 0 {
			name = name[:at+1]
		}
		names = append(names, name)
	}
	return names
}

// completions are what is typed before a tab, and the command line after it, for both
// shells that are driven by keys. A folder has the files front.socket and fronts/.
var completions = map[string]string{
	"uring-socket-proxyd --engine=u":                               "--engine=uring",
	"uring-socket-proxyd --engine e":                               "--engine epoll",
	"uring-socket-proxyd --probe=j":                                "--probe=json",
	"uring-socket-proxyd --listen=./ba":                            "--listen=./back.socket",
	"uring-socket-proxyd --engine=epoll ./ba":                      "--engine=epoll ./back.socket",
	"uring-socket-proxyd -c 5 ./ba":                                "-c 5 ./back.socket",
	"proxy-bench feat":                                             "features",
	"proxy-bench run --scen":                                       "run --scenarios=",
	"proxy-bench compare ./ba":                                     "compare ./back.socket",
	"proxy-bench features --quick --out=./fold":                    "features --quick --out=./folder/",
	"uring-socket-proxyd --proxy-protocol=v1 --engine=auto --prob": "--proxy-protocol=v1 --engine=auto --probe",
}

// tryCompletions types all that can be completed. Both programs are functions that
// write what they are called with into a file. Signs in removed are taken back by the
// shell when the line ends behind them.
func tryCompletions(t *testing.T, s *shell, file, removed string) {
	t.Helper()
	for typed, want := range completions {
		want = strings.TrimRight(want, removed)
		if got := s.completed(file, typed); got != want {
			t.Errorf("%q and a tab is %q, want %q", typed, got, want)
		}
	}
	names := longNames(t)
	for _, name := range names {
		short := strings.TrimSuffix(name, "=")
		short = short[:len(short)-1]
		if slices.ContainsFunc(names, func(other string) bool { return other != name && strings.HasPrefix(other, short) }) {
			continue // the other one's name begins with all of this one
		}
		if got := s.completed(file, program+" "+short); got != strings.TrimRight(name, removed) {
			t.Errorf("%q and a tab is %q, want %q", short, got, name)
		}
	}
}

// folder has what the completions above find.
func folder(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "back.socket"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(path, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBash(t *testing.T) {
	here, file := folder(t), filepath.Join(t.TempDir(), "called")
	s := startShell(t, []string{"CALLED=" + file}, "bash", "--norc", "--noprofile", "-i")
	s.line(`PS1=; bind 'set bell-style none'; cd ` + here + `; . ` + absolute(t, dist+"completions/uring-socket-proxyd.bash") + `; . ` + absolute(t, dist+"completions/proxy-bench.bash") +
		`; uring-socket-proxyd() { echo "$*" >"$CALLED"; }; proxy-bench() { echo "$*" >"$CALLED"; }; PS1=its-your"-"turn`)
	tryCompletions(t, s, file, "")
}

func TestZsh(t *testing.T) {
	here, file := folder(t), filepath.Join(t.TempDir(), "called")
	s := startShell(t, []string{"CALLED=" + file, "ZDOTDIR=" + here}, "zsh", "-f", "-i")
	s.line(`unsetopt prompt_sp; cd ` + here + `; fpath+=(` + absolute(t, dist+"completions") + `); autoload -U compinit; compinit -u -D` +
		`; uring-socket-proxyd() { echo "$*" >"$CALLED"; }; proxy-bench() { echo "$*" >"$CALLED"; }; PS1=its-your"-"turn`)
	tryCompletions(t, s, file, "=/")
}

// TestFish asks fish itself: it lists what it would offer.
func TestFish(t *testing.T) {
	need(t, "fish")
	offers := func(typed string) []string {
		cmd := exec.Command("fish", "--no-config", "-c", "source $argv[1]; source $argv[2]; complete -C $argv[3]",
			absolute(t, dist+"completions/uring-socket-proxyd.fish"), absolute(t, dist+"completions/proxy-bench.fish"), typed)
		cmd.Dir = folder(t)
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for line := range strings.Lines(string(out)) {
			offer, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			found = append(found, offer)
		}
		slices.Sort(found)
		return found
	}
	want := longNames(t)
	got := offers(program + " --")
	for _, name := range want {
		if !slices.Contains(got, strings.TrimSuffix(name, "=")) && !slices.Contains(got, name) {
			t.Errorf("fish does not offer %s, but %q", name, got)
		}
	}
	for typed, want := range map[string]string{
		program + " --engine=":       "--engine=auto --engine=epoll --engine=uring",
		program + " --engine u":      "uring",
		program + " --probe=":        "--probe=json --probe=table",
		program + " ba":              "back.socket",
		program + " --listen=ba":     "--listen=back.socket",
		"proxy-bench fe":             "features",
		"proxy-bench run --pee":      "--peers",
		"proxy-bench features --pee": "",
		"proxy-bench docs ba":        "back.socket",
		"proxy-bench run --out=fol":  "--out=folder/",
	} {
		if got := strings.Join(offers(typed), " "); got != want {
			t.Errorf("after %q fish offers %q, want %q", typed, got, want)
		}
	}
}
