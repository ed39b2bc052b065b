// Package activation brings the process its listeners and its line to the
// service manager: the sockets passed by systemd ([Inherited]), which may also be
// connections, sockets opened
// by --listen= ([Listen]), and readiness, status and watchdog messages
// ([Notifier]).
//
// The protocols are those of sd_listen_fds(3), sd_notify(3) and
// sd_watchdog_enabled(3). They are spoken through go-systemd; this package adds
// the checks that the protocols leave to the program.
//
// [Inherited] and [NewNotifier] belong at the start of main, before other
// goroutines run: [Inherited] changes the environment, and a resolver of the C
// library in another thread may be reading it.
package activation
