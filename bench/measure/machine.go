package measure

import (
	"bytes"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/bench/result"
)

// Machine describes the machine that this runs on. Unknown fields are left empty.
func Machine() result.Machine {
	m := result.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: runtime.GOARCH}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	kib, _ := field("/proc/meminfo", "MemTotal")
	m.Memory = kib << 10
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(text) {
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(key)) == "model name" {
			m.CPU = string(bytes.TrimSpace(value))
			break
		}
	}
	return m
}
