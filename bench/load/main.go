package load

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Subcommand is the first argument by which a program becomes a load process. The
// program of whoever calls Start must pass the arguments after it to Main.
const Subcommand = "load-process"

// Main is a load process: "client" or "server", and its Config as JSON.
func Main(args []string) error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // it makes no garbage to speak of, and must not stop
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
