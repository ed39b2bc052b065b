// Package metrics serves an engine's counts over HTTP, in the text format of
// Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// It only observes: nothing here is in the path of the data, and no fault here ends the
// program. The usual client libraries cost more at the start of the program than its
// own code does, and it starts when a client is already waiting. What they would do,
// counting and writing lines, is little here, as the engines do the counting. The
// same is true of a complete HTTP server: docs/dependencies.md has the figures.
package metrics
