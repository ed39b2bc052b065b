// Package kernels runs the core of the other suites on Debian's own kernels, from
// the oldest still maintained to the newest, each in a virtual machine of its own.
//
// The kernels come from the mirror that this machine's apt uses, and stay in
// $KERNELS_CACHE, or else in the user's cache. A guest has nothing but a kernel, a
// shell, the program and the suites, all in its first file system; it boots in a few
// seconds under software emulation and powers off when it is done.
//
// $KERNELS says which kernels to use ("5.10 6.1", or "all"). Then every case of every
// suite runs on them, or with $KERNELS_CASES=core the core of every suite; with
// $KERNELS_SUITES ("faults lossy") only those suites run. With $KERNELS_DOC=FILE the
// table is written to FILE.
package kernels

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// kernel is one of Debian's.
type kernel struct {
	Name  string
	Suite string // Debian's, which has it
	// Image is a pattern of the names of the package with the kernel. What it
	// leaves open is decided by the package's version: the newest.
	Image string
	// Engines are the programs of the suites that run on it. --engine=auto must
	// take the first.
	Engines []string
	Modules []string // on top of those that suites want of all
	// NoSysctl tells that the kernel has no kernel.io_uring_disabled, which is of 6.6.
	NoSysctl bool
}

var kernels = []kernel{
	{
		Name: "5.10", Suite: "bullseye", Image: `^linux-image-5\.10\.0-[0-9]+-cloud-amd64$`, Engines: []string{"epoll"}, NoSysctl: true,
		Modules: []string{"nft_counter"}, // in nf_tables since 5.18
	},
	{Name: "6.1", Suite: "bookworm", Image: `^linux-image-6\.1\.0-[0-9]+-cloud-amd64$`, Engines: []string{"uring", "epoll"}, NoSysctl: true},
	{Name: "6.12", Suite: "trixie", Image: `^linux-image-6\.12\.[0-9]+[^ ]*-cloud-amd64$`, Engines: []string{"uring", "epoll"}},
	{Name: "newest", Suite: "sid", Image: `^linux-(image|binary)-[0-9]+\.[0-9]+\.[0-9]+[^ ]*-cloud-amd64$`, Engines: []string{"uring", "epoll"}},
}

// byDefault are those that every run of the tests boots: one without io_uring as the
// program needs it, and the oldest with it.
var byDefault = []string{"5.10", "6.1"}

// chosen returns the kernels that $KERNELS asks for.
func chosen() ([]kernel, error) {
	names := strings.Fields(os.Getenv("KERNELS"))
	switch {
	case len(names) == 0:
		names = byDefault
	case slices.Equal(names, []string{"all"}):
		return kernels, nil
	}
	var some []kernel
	for _, name := range names {
		i := slices.IndexFunc(kernels, func(k kernel) bool { return k.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("KERNELS: no kernel is called %q; there are all, %s", name, strings.Join(allNames(), ", "))
		}
		some = append(some, kernels[i])
	}
	return some, nil
}

func allNames() (names []string) {
	for _, k := range kernels {
		names = append(names, k.Name)
	}
	return names
}
