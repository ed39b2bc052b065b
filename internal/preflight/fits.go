//go:build linux && (amd64 || arm64)

package preflight

// ThreadsFit tells whether n more threads may be started at once, by trying.
//
//go:noescape
func ThreadsFit(n int) bool
