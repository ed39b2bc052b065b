package systemd

import "testing"

var idleCases = []Case{{
	Name:   "idle/stops-both",
	Shows:  "--exit-idle-time= with StopWhenUnneeded= stops the proxy and nginx, and a connection starts both again",
	Setups: allSetups,
	Run:    idleStopsBoth,
}}

func idleStopsBoth(t *testing.T, m *Machine) {
	m.ExecStart("--exit-idle-time=500ms", nginxSocket)
	m.DropIn(nginxService, "unneeded", "[Unit]\nStopWhenUnneeded=yes")
	m.Listen()
	for range 3 {
		m.Want(proxyService, "ActiveState=inactive")
		m.Want(nginxService, "ActiveState=inactive")
		from := m.journal.length()
		m.Fetch()
		m.journal.await(t, from, nginxService, "^Started ")
		m.journal.await(t, from, proxyService, "^Started ")
		m.AwaitProperty(proxyService, "ActiveState", "inactive")
		m.AwaitProperty(nginxService, "ActiveState", "inactive")
		m.Want(proxyService, "Result=success", "ExecMainStatus=0", "NRestarts=0")
		m.Want(nginxService, "Result=success")
		m.Want(proxySocket, "ActiveState=active")
	}
}
