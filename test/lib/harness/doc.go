// Package harness starts real proxies the way a service manager does and gives a
// test both ends of every connection: clients, targets, the notify socket, what
// the program logs, its descriptors and its memory.
//
// Nothing here knows of an engine. A Program is an executable that takes the
// original's arguments and environment.
package harness
