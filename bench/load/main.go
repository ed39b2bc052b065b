package load

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Subcommand is the first argument that makes a program a load process. A program that
// starts clients or servers must pass the arguments after it to Main.
const Subcommand = "load-process"

// Main runs a load process. Its arguments are "client" or "server", and a Config as JSON.
func Main(args []string) error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // it makes hardly any garbage, and must not pause
	if len(args) != 2 {
		return fmt.Errorf("%s is started by the benchmark itself", Subcommand)
	}
	var config Config
	if err := json.Unmarshal([]byte(args[1]), &config); err != nil {
		return fmt.Errorf("%s: %w", Subcommand, err)
	}
	if args[0] == "server" {
		return serve(config)
	}
	return attack(config)
}
