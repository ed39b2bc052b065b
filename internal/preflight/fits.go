//go:build linux && (amd64 || arm64)

package preflight

// ThreadsFit reports whether n more threads can run at once, by starting them. It must not
// be called concurrently.
func ThreadsFit(n int) bool { return threadsFit(min(n, mostThreads)) }

//go:noescape
func threadsFit(n int) bool
