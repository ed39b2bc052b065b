// Command demo fetches a file over HTTP through uring-socket-proxyd and says in
// plain words what ran and how it went. "make demo" runs it. The exit status is
// 1 if anything is wrong.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	proxy := flag.String("proxy", "bin/uring-socket-proxyd", "the program to show")
	seed := flag.Uint64("seed", rand.Uint64(), "where the file's bytes come from")
	mebibytes := flag.Int("size", 256, "MiB in the file")
	listen := flag.Bool("listen", false, "use --listen= even if systemd-socket-activate is installed")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	ctx, cancel = context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("not done after 2 minutes"))
	defer cancel()
	if err := run(ctx, *proxy, *seed, *mebibytes<<20, *listen); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, seed uint64, size int, listen bool) (err error) {
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w; build it with make, and run this from the top folder", err)
	}
	content := make([]byte, size)
	fill(content, seed)
	want := sha256.Sum256(content)
	backend, err := startBackend(content)
	if err != nil {
		return fmt.Errorf("the HTTP server: %w", err)
	}
	defer backend.close()
	fmt.Printf("An HTTP server of this demo listens on %s.\n", backend.address)
	fmt.Printf("Its file: %d MiB of pseudo-random bytes (-seed=%d),\n  SHA-256 %x.\n\n", size>>20, seed, want)

	proxy, err := start(ctx, program, backend.address, listen)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := proxy.stop(); err == nil {
			err = stopErr
		}
		if err == nil {
			fmt.Println("All is well.")
		}
	}()
	fmt.Printf("The proxy: %s\n  %s\n\n", proxy.commandLine(), proxy.how)

	direct, err := fetch(ctx, "directly", backend.address, content, want)
	if err != nil {
		return fmt.Errorf("fetching the file directly: %w", err)
	}
	through, err := fetch(ctx, "through the proxy", proxy.address, content, want)
	if err != nil {
		return fmt.Errorf("fetching the file through the proxy: %w%s", err, proxy.said())
	}
	engine, err := proxy.engine(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Fetched directly:          %6.0f MB/s\n", speed(size, direct))
	fmt.Printf("Fetched through the proxy: %6.0f MB/s, over the engine %q (process %d)\n", speed(size, through), engine, proxy.pid())
	fmt.Printf("Both times the file arrived whole: the SHA-256 is the original's.\n\n")
	return nil
}

// fill fills content with the bytes that belong to seed.
func fill(content []byte, seed uint64) {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(key).Read(content) // never fails
}

// speed is in MB (10^6 bytes) per second.
func speed(size int, took time.Duration) float64 {
	return float64(size) / 1e6 / took.Seconds()
}
