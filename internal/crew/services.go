package crew

import (
	"log/slog"

	"uring-socket-proxyd/internal/report"
	"uring-socket-proxyd/internal/resolver"
)

// Services are what an engine is given beside its settings: what its workers share, with
// each other and with the program. They are complete before the engine is made, so none of
// them knows an engine; [New] makes those known to the crew that have to know it.
type Services struct {
	Log      *slog.Logger
	Reports  *report.Reports
	Gate     *Gate
	Resolver resolver.Resolver
	Heart    *Heart // watchdog keep-alives; nil without a watchdog
	Pulse    *Pulse // has the service manager told how it is going; nil without one

	// Clients were accepted by others and passed to the program; the crew's from Run on.
	Clients []Client
	// StoppedAccepting is called once when a drain has stopped all accepting: nobody uses
	// the listeners any more. It may be nil.
	StoppedAccepting func()
}
