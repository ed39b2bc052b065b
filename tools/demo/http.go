package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// backend is an HTTP server that serves one file.
type backend struct {
	address string
	file    *os.File
	server  *http.Server
}

// startBackend writes content to a file and serves it on a free port.
func startBackend(content []byte) (*backend, error) {
	file, err := os.CreateTemp("", "uring-socket-proxyd-demo-")
	if err != nil {
		return nil, err
	}
	// The file has no name from here on, so that nothing is left behind.
	if err := errors.Join(os.Remove(file.Name()), write(file, content)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "file.bin", time.Time{}, io.NewSectionReader(file, 0, int64(len(content))))
	}
	b := &backend{listener.Addr().String(), file, &http.Server{Handler: http.HandlerFunc(serve)}}
	go func() { _ = b.server.Serve(listener) }() // a failure shows in the fetch
	return b, nil
}

func write(file *os.File, content []byte) error {
	_, err := file.Write(content)
	return err
}

func (b *backend) close() {
	_ = b.server.Close()
	_ = b.file.Close()
}

// fetch gets the file from address into content, on a new connection, compares
// it with the SHA-256 that it must have, and returns how long it took to
// arrive. That time does not include the comparison.
func fetch(ctx context.Context, how, address string, content []byte, want [sha256.Size]byte) (time.Duration, error) {
	clear(content) // an earlier fetch may have left something
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/file.bin", nil)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the server answered %s", response.Status)
	}
	if err := read(response.Body, content, how); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if got := sha256.Sum256(content); !bytes.Equal(got[:], want[:]) {
		return 0, fmt.Errorf("the file arrived changed: SHA-256 %x, want %x", got, want)
	}
	return took, nil
}

// read fills content from body, which must then be at its end.
func read(body io.Reader, content []byte, how string) error {
	progress := newProgress(how, len(content))
	defer progress.clear()
	for done := 0; done < len(content); {
		n, err := body.Read(content[done:min(done+1<<20, len(content))])
		done += n
		progress.show(done)
		if err != nil && done < len(content) {
			return fmt.Errorf("the file ends after %d of %d bytes: %w", done, len(content), err)
		}
	}
	if n, err := io.Copy(io.Discard, body); n > 0 || err != nil {
		return fmt.Errorf("after the file came %d more bytes: %v", n, err)
	}
	return nil
}

// progress shows on a terminal how far a fetch has got; elsewhere it is silent.
type progress struct {
	how         string
	total       int
	shown       int // per cent
	interactive bool
}

func newProgress(how string, total int) *progress {
	_, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS)
	return &progress{how, total, -1, err == nil}
}

func (p *progress) show(done int) {
	if percent := done * 100 / p.total; p.interactive && percent != p.shown {
		p.shown = percent
		fmt.Fprintf(os.Stderr, "\rFetching %s: %3d %%", p.how, percent)
	}
}

// clear wipes the line.
func (p *progress) clear() {
	if p.interactive {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
