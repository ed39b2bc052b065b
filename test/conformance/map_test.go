package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uring-socket-proxyd/test/lib/harness"
)

var mapCases = []Case{
	{
		Name:   "map/pairs",
		Shows:  "--map=NAME=TARGET leads each listener of that name to its target, whatever their families; the others go to the target without a name",
		Except: notOriginal("one target for all"),
		Run:    mapPairs,
	},
	{
		Name:   "map/own-listeners",
		Shows:  "--listen=NAME=ADDRESS names a listener; without a name it is called listen",
		Except: notOriginal("no --listen="),
		Run:    mapOwnListeners,
	},
	{
		Name:   "map/trouble",
		Shows:  "a target that cannot be reached is named in the log, and costs the clients of other targets nothing",
		Except: notOriginal("one target for all"),
		Run:    mapTrouble,
	},
	{
		Name:   "map/resolved",
		Shows:  "targets given by name are looked up for each connection, each by its own name",
		Except: notOriginal("one target for all"),
		Run:    mapResolved,
	},
	{
		Name:   "map/mistakes",
		Shows:  "a listener without a target, or a name that no listener has, gives one line that names it, and exit status 1; nothing is left behind",
		Except: notOriginal("one target for all"),
		Run:    overEach(mapMistakes, func(m mapMistake) string { return m.name }, mapRefused),
	},
	{
		Name:   "template/port",
		Shows:  "{port} in a target is the port of the listener",
		Except: notOriginal("no {port}"),
		Run:    templatePort,
	},
	{
		Name:   "template/name",
		Shows:  "{name} in a target is the name of the listener",
		Except: notOriginal("no {name}"),
		Run:    templateName,
	},
}

// says is a target that sends its name to each client, and then echoes.
func says(t *testing.T, l *harness.Listener, name string) *harness.Server {
	return harness.ServeOn(t, l, func(c *harness.Conn) {
		c.SendText(name)
		harness.Echo(c)
	})
}

// wantSays checks which target a client of an address comes to.
func wantSays(t *testing.T, a harness.Address, name string) {
	t.Helper()
	c := harness.Dial(t, a)
	c.ExpectText(name)
	c.SendText("and back")
	c.ExpectText("and back")
	c.EndWriting()
	c.ExpectEnd()
}

// named are the variables that name inherited listeners and have their targets logged.
func named(names ...string) []string {
	return []string{"LISTEN_FDNAMES=" + strings.Join(names, ":"), "SYSTEMD_LOG_LEVEL=debug"}
}

func listenOn(t *testing.T, transports ...harness.Transport) (listeners []*harness.Listener) {
	for _, tr := range transports {
		listeners = append(listeners, harness.Listen(t, tr, harness.SocketOptions{}))
	}
	return listeners
}

func mapPairs(t *testing.T, p *harness.Program) {
	for _, workers := range []string{"--workers=1", "--workers=3"} {
		listeners := listenOn(t, harness.TCP4, harness.Unix, harness.Abstract, harness.TCP4, harness.Unix)
		of := []string{"web", "admin", "rest", "web", "more"} // two share a name, two have no target of their own
		targets := map[string]*harness.Server{}
		for name, tr := range map[string]harness.Transport{"web": harness.Unix, "admin": harness.TCP4, "rest": harness.Abstract} {
			targets[name] = says(t, harness.Listen(t, tr, harness.SocketOptions{}), name)
		}
		process := harness.Start(t, p, harness.Options{
			Listeners: listeners, Env: named(of...),
			Args: []string{"--map=web=" + targets["web"].Target(), targets["rest"].Target(), "--map", "admin=" + targets["admin"].Target(), workers},
		})
		for range 3 {
			for i, l := range listeners {
				to := of[i]
				if to == "more" {
					to = "rest"
				}
				wantSays(t, l.Address, to)
				process.AwaitLine(fmt.Sprintf("^forwarding: listener=%s name=%s target=%s engine=",
					regexp.QuoteMeta(l.Text), of[i], regexp.QuoteMeta(targets[to].Target())))
			}
		}
	}
}

func mapOwnListeners(t *testing.T, p *harness.Program) {
	inherited := harness.Listen(t, harness.TCP4, harness.SocketOptions{})
	first := says(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{}), "first")
	second := says(t, harness.Listen(t, harness.Unix, harness.SocketOptions{}), "second")
	path, name, plain := harness.NewAddress(t, harness.Unix), harness.NewAddress(t, harness.Abstract), harness.NewAddress(t, harness.Abstract)
	equals := harness.Address{Transport: harness.Unix, Network: "unix", Text: path.Text + "=web"} // a path, with no name before it
	process := harness.Start(t, p, harness.Options{
		Listeners: []*harness.Listener{inherited}, Env: named("web"),
		Args: []string{
			"--listen=web=" + path.Text, "--listen=" + equals.Text, "--listen", "my own=" + name.Text, "--listen=" + plain.Text, "--listen=port=127.0.0.1:0",
			"--map=web=" + first.Target(), "--map=listen=" + second.Target(), "--map=my own=" + first.Target(), "--map=port=" + second.Target(),
		},
	})
	line := process.AwaitLine(`^forwarding: .* name=port `)
	port := harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: regexp.MustCompile(`listener=(\S+)`).FindStringSubmatch(line)[1]}
	for _, a := range []harness.Address{inherited.Address, path, name} {
		wantSays(t, a, "first")
	}
	for _, a := range []harness.Address{equals, plain, port} {
		wantSays(t, a, "second")
	}
}

func mapTrouble(t *testing.T, p *harness.Program) {
	listeners := listenOn(t, harness.TCP4, harness.TCP4)
	good, bad := says(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{}), "good"), harness.Unused(t, harness.TCP4).Target()
	process := harness.Start(t, p, harness.Options{
		Listeners: listeners, Env: named("good", "bad"), Args: []string{"--map=bad=" + bad, "--map=good=" + good.Target()},
	})
	for range 2 {
		harness.Dial(t, listeners[1].Address).ExpectGone()
		process.AwaitLine("cannot reach the target.* target=" + regexp.QuoteMeta(bad) + " .*refused")
		wantSays(t, listeners[0].Address, "good")
	}
	for _, line := range process.Lines() {
		if strings.Contains(line, "cannot reach") && strings.Contains(line, good.Target()) {
			t.Errorf("%q blames the wrong target", line)
		}
	}
}

func mapResolved(t *testing.T, p *harness.Program) {
	listeners := listenOn(t, harness.TCP4, harness.TCP4, harness.TCP4)
	names := []string{"one", "two", "none"}
	args := []string{"--map=none=no-such-host.invalid:80"}
	for _, name := range names[:2] {
		target := says(t, harness.Listen(t, harness.TCP4, harness.SocketOptions{}), name)
		args = append(args, "--map="+name+"=localhost:"+target.Port())
	}
	process := harness.Start(t, p, harness.Options{Listeners: listeners, Env: named(names...), Args: args})
	for range 3 {
		for i, name := range names[:2] {
			wantSays(t, listeners[i].Address, name)
		}
		harness.Dial(t, listeners[2].Address).ExpectGone()
	}
	process.AwaitLine(`cannot reach the target.* target=no-such-host\.invalid:80 `)
}

// mapMistake is a set of arguments that does not fit the listeners: TCP ones called web
// and admin, and one of a path that is opened here, called own.
type mapMistake struct {
	name string
	args []string
	says []string
}

var mapMistakes = []mapMistake{
	{"no target", []string{"--map=web=/x", "--map=own=/x"}, []string{`listener "admin" (127.0.0.1:`, "no target given", "--map=admin="}},
	{"no target for an own listener", []string{"--map=web=/x", "--map=admin=/x"}, []string{`listener "own" (/`, "no target given"}},
	{"no such name", []string{"--map=wbe=/x", "/y"}, []string{`--map="wbe=/x"`, `no listener is named "wbe"`, `"web", "admin", "own"`}},
	{"twice", []string{"--map=web=/x", "--map=web=/y", "/z"}, []string{`--map="web=/y"`, "already"}},
	{"no port", []string{"--map=admin=/x", "127.0.0.1:{port}"}, []string{`listener "own" (/`, `target "127.0.0.1:{port}"`, "no port"}},
	{"no placeholder", []string{"--map=web=127.0.0.1:{prot}", "/x"}, []string{`target "127.0.0.1:{prot}"`, "{port} and {name}"}},
	{"bad once expanded", []string{"--map=web=127.0.0.1:777{port}", "/x"}, []string{`listener "web" (127.0.0.1:`, `target "127.0.0.1:777`, "out of range"}},
}

func mapRefused(t *testing.T, p *harness.Program, m mapMistake) {
	own := harness.NewAddress(t, harness.Unix)
	process := harness.Start(t, p, harness.Options{
		Listeners: listenOn(t, harness.TCP4, harness.TCP4), Env: []string{"LISTEN_FDNAMES=web:admin"},
		Args: append([]string{"--listen=own=" + own.Text}, m.args...), MayFail: true,
	})
	wantRefusal(t, process, m.says...)
	if _, err := os.Lstat(own.Text); err == nil {
		t.Error("the socket file of --listen= is left behind")
	}
}

// templatePort has each listener lead to the same port of another address.
func templatePort(t *testing.T, p *harness.Program) {
	listeners := listenOn(t, harness.TCP4, harness.TCP4, harness.TCP6)
	for _, l := range listeners {
		target := harness.Address{Transport: harness.TCP4, Network: "tcp4", Text: "127.0.0.2:" + l.Port()}
		says(t, harness.ListenOn(t, target, harness.SocketOptions{}), l.Port())
	}
	harness.Start(t, p, harness.Options{Listeners: listeners, Args: []string{"127.0.0.2:{port}"}})
	for range 2 {
		for _, l := range listeners {
			wantSays(t, l.Address, l.Port())
		}
	}
}

func templateName(t *testing.T, p *harness.Program) {
	listeners := listenOn(t, harness.TCP4, harness.Unix, harness.TCP4)
	names := []string{"web", "admin", "a b.socket"}
	folder := harness.ShortDir(t)
	for _, name := range names {
		target := harness.Address{Transport: harness.Unix, Network: "unix", Text: filepath.Join(folder, "to-"+name+"{x}")}
		says(t, harness.ListenOn(t, target, harness.SocketOptions{}), name)
	}
	// A default and a mapping; what else is in braces stays.
	harness.Start(t, p, harness.Options{
		Listeners: listeners, Env: named(names...), Args: []string{folder + "/to-{name}{x}", "--map=web=" + folder + "/to-{name}{x}"},
	})
	for i, l := range listeners {
		wantSays(t, l.Address, names[i])
	}
}
