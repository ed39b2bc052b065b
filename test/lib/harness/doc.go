// Package harness starts real proxies the way a service manager does, and gives tests
// both ends of every connection, the notify socket, the program's log, its descriptors
// and its memory.
//
// Nothing here knows about engines. A Program is an executable that takes the
// original's arguments and environment.
package harness
