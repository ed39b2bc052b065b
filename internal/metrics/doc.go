// Package metrics serves an engine's counts over HTTP, in the text format of
// Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// It only looks: nothing here is on the way of a byte, and no fault here ends the
// program. The usual client libraries cost more at the start of the program than its
// own code does, and it starts when a client already waits; what they would do, to
// count and to write lines, is little here, as the engines count for themselves. The
// same goes for a whole HTTP server: docs/dependencies.md has the figures.
package metrics
