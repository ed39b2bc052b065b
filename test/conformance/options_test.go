package conformance

import (
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var optionCases = []Case{
	{
		Name:   "options/bad",
		Shows:  "a mistake on the command line gives one line that names the option and its value, and exit status 1",
		Except: original("the same status, in other words"),
		Run:    overEach(mistakes, func(m mistake) string { return m.name }, mistakeRefused),
	},
	{
		Name:  "options/forms",
		Shows: "attached and separate values, abbreviated long options, options after the target, and --: all as in getopt_long",
		Run: func(t *testing.T, p *harness.Program) {
			each(t, optionForms, func(args []string) string { return strings.Join(args, " ") },
				func(t *testing.T, args []string) { optionFormWorks(t, p, args) })
		},
	},
	{
		Name:  "options/answers",
		Shows: "-h, --help and --version answer on stdout with exit status 0, without sockets",
		Run: func(t *testing.T, p *harness.Program) {
			each(t, [][]string{{"-h"}, {"--help"}, {"--version"}, {"--vers"}, {"-h", "--nonsense"}, {"localhost:80", "--help"}},
				func(args []string) string { return strings.Join(args, " ") },
				func(t *testing.T, args []string) { answers(t, p, args) })
		},
	},
	{
		Name:   "options/help-names-all",
		Shows:  "--help names every option and shows an example",
		Except: notOriginal("other options"),
		Run: func(t *testing.T, p *harness.Program) {
			process := harness.Start(t, p, harness.Options{Args: []string{"--help"}})
			for _, want := range []string{"--connections-max=", "-c,", "--exit-idle-time=", "--listen=", "--help", "--version", "Example:"} {
				if !strings.Contains(process.Stdout(), want) {
					t.Errorf("--help does not show %q", want)
				}
			}
		},
	},
}

// mistake is a command line that must be refused.
type mistake struct {
	name     string
	args     []string
	names    []string // what our program's line has
	oursOnly bool     // the original has no such option, or finds out later
}

var long = strings.Repeat("x", 120)

var mistakes = []mistake{
	{name: "no target", args: []string{}, names: []string{"target"}},
	{name: "two targets", args: []string{"a:1", "b:2"}, names: []string{"a:1", "b:2"}},
	{name: "no target after --", args: []string{"--"}, names: []string{"target"}},
	{name: "-c 0", args: []string{"-c", "0", "a:1"}, names: []string{"--connections-max", `"0"`}},
	{name: "-c abc", args: []string{"-c", "abc", "a:1"}, names: []string{"--connections-max", `"abc"`}},
	{name: "-c -5", args: []string{"-c", "-5", "a:1"}, names: []string{"--connections-max", `"-5"`}},
	{name: "-c 99999999999", args: []string{"-c", "99999999999", "a:1"}, names: []string{"--connections-max", `"99999999999"`}},
	{name: "-c with nothing", args: []string{"--connections-max=", "a:1"}, names: []string{"--connections-max", `""`}},
	{name: "-c 5x", args: []string{"-c5x", "a:1"}, names: []string{"--connections-max", `"5x"`}},
	{name: "idle time foo", args: []string{"--exit-idle-time=foo", "a:1"}, names: []string{"--exit-idle-time", `"foo"`}},
	{name: "idle time with nothing", args: []string{"--exit-idle-time=", "a:1"}, names: []string{"--exit-idle-time", `""`}},
	{name: "idle time negative", args: []string{"--exit-idle-time=-1s", "a:1"}, names: []string{"--exit-idle-time", `"-1s"`}},
	{name: "unknown long option", args: []string{"--nonsense", "a:1"}, names: []string{"--nonsense"}},
	{name: "unknown long option with value", args: []string{"--nonsense=5", "a:1"}, names: []string{"--nonsense"}},
	{name: "unknown short option", args: []string{"-z", "a:1"}, names: []string{"-z"}},
	{name: "value for --help", args: []string{"--help=5", "a:1"}, names: []string{"--help"}},
	{name: "missing value", args: []string{"a:1", "--connections-max"}, names: []string{"--connections-max"}},
	{name: "missing short value", args: []string{"a:1", "-c"}, names: []string{"--connections-max"}},
	{name: "no sockets", args: []string{"a:1"}, names: []string{"sockets"}},
	{name: "listen with nothing", args: []string{"--listen=", "a:1"}, names: []string{"--listen", `""`}, oursOnly: true},
	{name: "listen on a host name", args: []string{"--listen=localhost:80", "a:1"}, names: []string{"--listen", `"localhost:80"`}, oursOnly: true},
	{name: "listen on port 99999", args: []string{"--listen=99999", "a:1"}, names: []string{"--listen", `"99999"`}, oursOnly: true},
	{name: "listen without port", args: []string{"--listen=127.0.0.1", "a:1"}, names: []string{"--listen", `"127.0.0.1"`}, oursOnly: true},
	{name: "listen on a relative path", args: []string{"--listen=run/x", "a:1"}, names: []string{"--listen", `"run/x"`}, oursOnly: true},
	{name: "listen on @", args: []string{"--listen=@", "a:1"}, names: []string{"--listen", `"@"`}, oursOnly: true},
	{name: "listen in no directory", args: []string{"--listen=/no/such/dir/s", "a:1"}, names: []string{"--listen", `"/no/such/dir/s"`}, oursOnly: true},
	{name: "listen on a long path", args: []string{"--listen=/" + long, "a:1"}, names: []string{"--listen", "/" + long}, oursOnly: true},
	{name: "listen on an address of others", args: []string{"--listen=192.0.2.1:0", "a:1"}, names: []string{"--listen", "192.0.2.1"}, oursOnly: true},
	{name: "no workers", args: []string{"--workers=0", "a:1"}, names: []string{"--workers", `"0"`, "64"}, oursOnly: true},
	{name: "65 workers", args: []string{"--workers=65", "a:1"}, names: []string{"--workers", `"65"`, "64"}, oursOnly: true},
	{name: "small buffers", args: []string{"--buffer-size=4095", "a:1"}, names: []string{"--buffer-size", `"4095"`, "4K"}, oursOnly: true},
	{name: "buffers in bananas", args: []string{"--buffer-size=1B", "a:1"}, names: []string{"--buffer-size", `"1B"`, "4K"}, oursOnly: true},
	{name: "small pool", args: []string{"--pool-size=1023K", "a:1"}, names: []string{"--pool-size", `"1023K"`, "1M"}, oursOnly: true},
	{name: "large pool", args: []string{"--pool-size=5G", "a:1"}, names: []string{"--pool-size", `"5G"`, "4G"}, oursOnly: true},
	{name: "mark 0", args: []string{"--mark=0", "a:1"}, names: []string{"--mark", `"0"`, "0xffffffff"}, oursOnly: true},
	{name: "bind to a port", args: []string{"--bind=127.0.0.1:80", "a:1"}, names: []string{"--bind", `"127.0.0.1:80"`}, oursOnly: true},
	{name: "bind twice", args: []string{"--bind=127.0.0.1", "--bind=127.0.0.2", "a:1"}, names: []string{"--bind", "127.0.0.1", "127.0.0.2"}, oursOnly: true},
	{name: "bind to an address of others", args: []string{"--bind=192.0.2.1", "a:1"}, names: []string{"--bind=192.0.2.1", "net.ipv4.ip_nonlocal_bind"}, oursOnly: true},
	{name: "bind and transparent", args: []string{"--bind=127.0.0.1", "--transparent", "a:1"}, names: []string{"--bind", "--transparent"}, oursOnly: true},
	{name: "bind in another family", args: []string{"--bind=127.0.0.1", "[::1]:1"}, names: []string{"--bind", `"[::1]:1"`, "IPv6"}, oursOnly: true},
	{name: "bind for a UNIX socket", args: []string{"--bind=127.0.0.1", "/x"}, names: []string{"--bind", `"/x"`}, oursOnly: true},
	{name: "target path too long", args: []string{"/" + long}, names: []string{"/" + long}, oursOnly: true},
	{name: "target empty", args: []string{""}, names: []string{`""`}, oursOnly: true},
	{name: "target without port", args: []string{"localhost:"}, names: []string{`"localhost:"`}, oursOnly: true},
	{name: "target with a slash at the end", args: []string{"127.0.0.1:80/"}, names: []string{`"127.0.0.1:80/"`, "write 127.0.0.1:80"}, oursOnly: true},
	{name: "target with a protocol", args: []string{"8080/tcp"}, names: []string{`"8080/tcp"`, "write localhost:8080"}, oursOnly: true},
	{name: "target in a directory", args: []string{"./back.sock"}, names: []string{`"./back.sock"`, "write /PATH"}, oursOnly: true},
	{name: "target in a home", args: []string{"~/back.sock"}, names: []string{`"~/back.sock"`, "write /PATH"}, oursOnly: true},
	{name: "target without the first slash", args: []string{"run/back.sock"}, names: []string{`"run/back.sock"`, "write /run/back.sock"}, oursOnly: true},
	{name: "target that is a URL", args: []string{"http://localhost:8080/path"}, names: []string{"URL", "write localhost:8080"}, oursOnly: true},
	{name: "target that is a port", args: []string{"12346"}, names: []string{`"12346"`, "write localhost:12346"}, oursOnly: true},
	{name: "target with a letter in the port", args: []string{"localhost:8o80"}, names: []string{`"8o80"`}, oursOnly: true},
	{name: "target that is a directory", args: []string{"/usr"}, names: []string{`"/usr"`, "is a directory"}, oursOnly: true},
	{name: "target that is a file", args: []string{"/proc/self/maps"}, names: []string{`"/proc/self/maps"`, "is a regular file"}, oursOnly: true},
	{name: "target of a name that is a URL", args: []string{"--map=unknown=http://h", "a:1"}, names: []string{"--map", "URL"}, oursOnly: true},
	{name: "target port 99999", args: []string{"localhost:99999"}, names: []string{"99999"}, oursOnly: true},
	{name: "target with a line break", args: []string{"local\nhost:1"}, names: []string{`local\nhost`}, oursOnly: true},
	{name: "target with open bracket", args: []string{"[::1:80"}, names: []string{`"[::1:80"`}, oursOnly: true},
}

// mistakeRefused passes a good socket along, where the mistake is not about
// sockets, so that nothing else can be what is refused.
func mistakeRefused(t *testing.T, p *harness.Program, m mistake) {
	if m.oursOnly && !p.IsOurs() {
		t.Skip("not the original's option, or not checked at start")
	}
	var listeners []*harness.Listener
	if m.name != "no sockets" {
		listeners = append(listeners, harness.Listen(t, harness.TCP4, harness.SocketOptions{}))
	}
	process := harness.Start(t, p, harness.Options{Args: m.args, Listeners: listeners, MayFail: true})
	if p.IsOurs() {
		wantRefusal(t, process, m.names...)
	} else {
		wantRefusal(t, process)
	}
	if out := process.Stdout(); out != "" {
		t.Errorf("stdout has %q", out)
	}
	for _, l := range listeners {
		refusesNow(t, l.Address)
	}
}

// optionForms are the ways to say -c 5; TARGET stands for the target.
var optionForms = [][]string{
	{"-c5", "TARGET"},
	{"-c", "5", "TARGET"},
	{"--connections-max=5", "TARGET"},
	{"--connections-max", "5", "TARGET"},
	{"--conn=5", "TARGET"},
	{"--c", "5", "TARGET"},
	{"TARGET", "-c5"},
	{"TARGET", "--connections-max", "5"},
	{"-c5", "--", "TARGET"},
	{"-c300", "-c5", "TARGET"},
	{"-c0x5", "TARGET"},
	{"--exit-idle-time=1h", "-c", "5", "TARGET"},
}

func optionFormWorks(t *testing.T, p *harness.Program, form []string) {
	script, accepted := harness.Hand()
	target := harness.Serve(t, harness.Unix, script)
	args := make([]string, len(form))
	for i, arg := range form {
		args[i] = strings.ReplaceAll(arg, "TARGET", target.Target())
	}
	proxy := harness.StartProxyWith(t, p, harness.Unix, harness.Options{Args: args})
	fill(t, p, proxy, accepted)
	proxy.Dial(t).ExpectGone() // so the limit is 5
}

func answers(t *testing.T, p *harness.Program, args []string) {
	process := harness.Start(t, p, harness.Options{Args: args})
	if status := process.AwaitExit(); status != "exit status 0" {
		t.Errorf("ended with %s", status)
	}
	if process.Stdout() == "" {
		t.Error("nothing on stdout")
	}
	if lines := process.Lines(); len(lines) > 0 {
		t.Errorf("stderr has:\n%s", process.Stderr())
	}
}
