//go:build linux && (amd64 || arm64)

package preflight

// ThreadsFit tells whether n more threads may be started at once, by trying, with no other
// call of it at the same time.
func ThreadsFit(n int) bool { return threadsFit(min(n, mostThreads)) }

//go:noescape
func threadsFit(n int) bool
