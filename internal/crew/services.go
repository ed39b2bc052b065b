package crew

import (
	"log/slog"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
)

// Services are what an engine is given besides its settings: what its workers share with
// each other and with the program. They are complete before the engine is made, so none of
// them knows an engine; [New] gives the crew to those that need it.
type Services struct {
	Log      *slog.Logger
	Reports  *report.Reports
	Gate     *Gate
	Resolver resolver.Resolver
	Heart    *Heart // watchdog keep-alives; nil without a watchdog
	Pulse    *Pulse // reports to the service manager how the engine is doing; nil without one

	// Clients were accepted by others and passed to the program; the crew's from Run on.
	Clients []Client
	// StoppedAccepting is called once when a drain has stopped all accepting: nobody uses
	// the listeners any more. It may be nil.
	StoppedAccepting func()
}
