package main

import (
	"fmt"
	"io"

	"uring-socket-proxyd/internal/optiontext"
)

const programName = "uring-socket-proxyd"

// version follows semantic versioning.
const version = "0.1.0"

func printVersion(out io.Writer) { fmt.Fprintf(out, "%s %s\n", programName, version) }

// printHelp writes the text of --help, made from the table of options.
func printHelp(out io.Writer) {
	fmt.Fprintf(out, `%[1]s [OPTIONS...] HOST:PORT
%[1]s [OPTIONS...] /PATH
%[1]s [OPTIONS...] @NAME
%[1]s [OPTIONS...] vsock:CID:PORT
%[1]s [OPTIONS...] --map=NAME=TARGET... [TARGET]

Forward connections from listening sockets to a target, in both directions.

The sockets are passed by systemd or opened by --listen=. With Accept=yes,
systemd passes connections, and the program exits when the last one ends. The
target is HOST:PORT (port 80 by default; [IPV6]:PORT for IPv6), the path of a
UNIX socket, @NAME in the abstract namespace, or a port of a virtual machine
(vsock:CID:PORT) or of its host (vsock:host:PORT). In it, {port} and {name}
stand for the port and the name of the socket that a connection arrives on.

Options:
`, programName)
	optiontext.Help(out, optiontext.Table(defaultOptions().flags()))
	fmt.Fprintf(out, `
SIZE is in bytes, or in K, M or G, powers of 1024. docs/memory.md says how much
memory --connections-max=, --workers=, --buffer-size= and --pool-size= allow.

Long options may be abbreviated. $LISTEN_FDS, $NOTIFY_SOCKET and $WATCHDOG_USEC
are honoured as systemd sets them; SYSTEMD_LOG_LEVEL=debug logs more. SIGTERM,
SIGINT and SIGHUP end the program; SIGUSR1 makes it log its counters. The exit
status is 0, or 1 after an error.

Example:
  %s --listen=127.0.0.1:8080 /run/app/socket
`, programName)
}
