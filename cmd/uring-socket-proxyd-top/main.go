// Command uring-socket-proxyd-top shows what a proxy started with --metrics= is doing,
// second by second: on a terminal as a screen that is redrawn in place, elsewhere as one
// line per interval.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"uring-socket-proxyd/internal/optiontext"
	"uring-socket-proxyd/internal/timespan"
)

const programName = "uring-socket-proxyd-top"

// printHelp writes the text of --help.
func printHelp(out io.Writer) {
	fmt.Fprintf(out, `%[1]s [OPTIONS...] ADDRESS

Show what a uring-socket-proxyd started with --metrics=ADDRESS is doing.

Options:
`, programName)
	optiontext.Help(out, optiontext.Table(new(options).flags()))
	fmt.Fprintf(out, `
On a terminal the screen is redrawn at each interval, and Ctrl-C ends it; elsewhere
one line is written at each interval. Rates and percentiles cover the time since the
previous one, and percentiles are as exact as the proxy's histograms. The proxy may be
restarted meanwhile.

Example:
  %[1]s 127.0.0.1:9100
`, programName)
}

// options are what the command line says.
type options struct {
	address  string
	interval intervalTime
	count    uint32
}

// flags is the table of options, from which help, manual page and completions are made.
func (o *options) flags() *pflag.FlagSet {
	o.interval = intervalTime(time.Second)
	set := pflag.NewFlagSet(programName, pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.SortFlags = false
	set.Usage = func() {}
	set.Var(&o.interval, "interval", "query every TIME, at least 100ms")
	set.Uint32Var(&o.count, "count", 0, "exit after `N` intervals; 0 means never")
	set.BoolP("help", "h", false, "show this help and exit")
	return set
}

// intervalTime is the value of --interval=.
type intervalTime time.Duration

func (t *intervalTime) Set(value string) error {
	span, err := timespan.Parse(value)
	if err != nil {
		return err
	}
	if span.Duration() < leastInterval || span == timespan.Infinity {
		return fmt.Errorf("need a time of at least %v", leastInterval)
	}
	*t = intervalTime(span.Duration())
	return nil
}
func (t *intervalTime) String() string { return time.Duration(*t).String() }
func (t *intervalTime) Type() string   { return "TIME" }

// leastInterval keeps polling from becoming a load of its own.
const leastInterval = 100 * time.Millisecond

func parseOptions(args []string) (*options, error) {
	o := new(options)
	set := o.flags()
	if err := set.Parse(args); err != nil {
		return nil, fmt.Errorf("%w; see --help", err)
	}
	if help, _ := set.GetBool("help"); help {
		return nil, pflag.ErrHelp
	}
	if set.NArg() != 1 {
		return nil, fmt.Errorf("%d addresses given, need exactly one, as in --metrics=; see --help", set.NArg())
	}
	o.address = set.Arg(0)
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parseOptions(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		printHelp(os.Stdout)
		return
	case err == nil:
		err = watch(ctx, o)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName, err)
		stop()
		os.Exit(1)
	}
}

// display shows views.
type display interface {
	show(*view) error
	// lost reports that the proxy does not answer; it will be asked again.
	lost(error) error
	resized() error
	end()
}

// watch polls the proxy and shows the result, until ctx ends or count is reached.
func watch(ctx context.Context, o *options) error {
	proxy, err := newProxy(o.address)
	if err != nil {
		return err
	}
	last, err := proxy.ask(ctx)
	if err != nil {
		return fmt.Errorf("%w; is a proxy running with --metrics=%s?", err, o.address)
	}
	out := newDisplay(os.Stdout, os.Stderr)
	defer out.end()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	ticker := time.NewTicker(time.Duration(o.interval))
	defer ticker.Stop()
	for shown := 0; o.count == 0 || shown < int(o.count); {
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
			if err := out.resized(); err != nil {
				return err
			}
			continue
		case <-ticker.C:
		}
		now, err := proxy.ask(ctx)
		if err != nil {
			if err := out.lost(err); err != nil {
				return err
			}
			continue
		}
		if err := out.show(newView(last, now)); err != nil {
			return err
		}
		last = now
		shown++
	}
	return nil
}
