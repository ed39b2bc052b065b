// Package activation provides the process with its listeners and with its connection to
// the service manager: the sockets passed by systemd ([Inherited]), which can also be
// connections, sockets opened by --listen= ([Listen]), and readiness, status and
// watchdog messages ([Notifier]).
//
// The protocols are those of sd_listen_fds(3), sd_notify(3) and
// sd_watchdog_enabled(3). go-systemd implements the last two; this package adds the
// checks that the protocols leave to the program. The first consists of four variables,
// which are read here: go-systemd's package for it pulls in TLS, which holds 32 MiB.
//
// [Inherited] and [NewNotifier] belong at the start of main, before other
// goroutines run: [Inherited] changes the environment, and a resolver of the C
// library in another thread may be reading it.
//
// Invariants:
//
//   - A mistake in what was passed is found before anything is served: clients that
//     wait at a listener go on waiting, for the next start.
//   - Each descriptor has one owner: a [Listener] closes its own, once; that of a
//     connection is handed over.
//   - A socket file is removed only by the process that created it, and only if it is
//     still the same file.
package activation
