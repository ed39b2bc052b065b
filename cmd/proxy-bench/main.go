// Command proxy-bench measures uring-socket-proxyd against other forwarders.
//
// This package reads the command line, shows progress, and leaves the rest to
// bench/run and bench/report. It is also the load generator: for that, the benchmark
// starts itself again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/bench/load"
)

const programName = "proxy-bench"

const usage = `proxy-bench run [OPTIONS...]                  measure, and write a report
proxy-bench features [OPTIONS...]             measure what individual io_uring features buy
proxy-bench compare OLD.json NEW.json         show what got better or worse
proxy-bench docs RESULT.json DOCUMENT.md      put a result into a document

Each subcommand has --help.
`

// init keeps main on the program's first thread, which lives as long as the program:
// the kernel kills children when the thread that started them ends.
func init() { runtime.LockOSThread() }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, pflag.ErrHelp):
	case ctx.Err() != nil:
		fmt.Fprintf(os.Stderr, "%s: interrupted; all processes have been ended\n", programName)
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName, err)
		os.Exit(1)
	}
}

// dispatch runs the subcommand.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("no subcommand\n%s", usage)
	}
	switch args[0] {
	case "run":
		return runSuite(ctx, args[1:], stdout, stderr)
	case "features":
		return runFeatures(ctx, args[1:], stdout, stderr)
	case "compare":
		return compare(args[1:], stdout)
	case "docs":
		return docs(args[1:], stdout)
	case load.Subcommand:
		return load.Main(args[1:])
	case "-h", "--help", "help":
		_, err := io.WriteString(stdout, usage)
		return err
	default:
		return fmt.Errorf("no such subcommand: %q\n%s", args[0], usage)
	}
}
