package forward

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/socket"
	"uring-socket-proxyd/internal/target"
)

// ErrNoFastOpen says why connects to targets are ordinary ones in spite of FastOpen.
var ErrNoFastOpen = errors.New("the sysctl net.ipv4.tcp_fastopen disables it for clients; set its bit 1")

// Check finds out at start what would fail at each connection: privileges that are
// missing, addresses that this machine does not have, targets that are none for these
// settings. The error is one line. It tries on sockets that are closed at once.
func (o *Outbound) Check(targets ...target.Target) error {
	if !o.Fits() {
		return nil
	}
	if o.Binds() && o.Transparent {
		return errors.New("--bind= and --transparent each set the source address of connections to the target; leave one out")
	}
	if err := o.checkTargets(targets); err != nil {
		return err
	}
	if o.Mark != 0 {
		if err := try(socket.Outfit{Mark: o.Mark}, unix.AF_INET, unix.AF_INET6); err != nil {
			return fmt.Errorf("--mark=%d: %w%s", o.Mark, err, privilege(err))
		}
	}
	if o.Transparent {
		if err := try(socket.Outfit{Transparent: true}, unix.AF_INET, unix.AF_INET6); err != nil {
			return fmt.Errorf("--transparent: %w%s", err, privilege(err))
		}
	}
	for _, ip := range []netip.Addr{o.Bind4, o.Bind6} {
		if err := tryAddress(ip); err != nil {
			return fmt.Errorf("--bind=%s: %w", ip, err)
		}
	}
	return nil
}

// checkTargets refuses targets of which it is plain that none of their addresses can be
// connected to, and settings that are for no target at all.
func (o *Outbound) checkTargets(targets []target.Target) error {
	overTCP := 0
	for _, t := range targets {
		addresses, ok := t.Literal()
		if ok && !addresses[0].IP().IsValid() {
			continue
		}
		overTCP++
		reachable := !ok || !o.Binds()
		for _, address := range addresses {
			reachable = reachable || o.BindFor(address.IP()).IsValid()
		}
		if !reachable {
			return fmt.Errorf("target %q: no %[2]s address to connect from; add --bind= with an %[2]s address", t, target.FamilyName(addresses[0].IP()))
		}
	}
	if overTCP == 0 && len(targets) > 0 {
		return fmt.Errorf("target %q: --mark=, --bind= and --transparent are for TCP targets; leave them out", targets[0])
	}
	return nil
}

// try gives an outfit to a socket of the first of families that this machine has.
func try(o socket.Outfit, families ...int) error {
	var err error
	for _, family := range families {
		var fd int
		if fd, err = (socket.System{}).Open(family, 0); err == nil {
			defer unix.Close(fd)
			return socket.System{}.Fit(fd, family, o)
		}
	}
	return err
}

func tryAddress(ip netip.Addr) error {
	family, sysctl := unix.AF_INET6, "net.ipv6.ip_nonlocal_bind"
	switch {
	case !ip.IsValid():
		return nil
	case ip.Is4():
		family, sysctl = unix.AF_INET, "net.ipv4.ip_nonlocal_bind"
	}
	err := try(socket.Outfit{Source: ip}, family)
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w; no network interface has this address (yet), and the sysctl %s is off", err, sysctl)
	case errors.Is(err, unix.EINVAL) && ip.Zone() == "":
		return fmt.Errorf("%w; a link-local address needs its interface: ADDRESS%%INTERFACE", err)
	}
	return err
}

// privilege is what to say to an error for lack of one.
func privilege(err error) string {
	if errors.Is(err, unix.EPERM) {
		return "; this needs CAP_NET_ADMIN: in a unit, AmbientCapabilities=CAP_NET_ADMIN, and no PrivateUsers="
	}
	return ""
}

// CheckFastOpen returns ErrNoFastOpen if this machine opens no connection like that.
func CheckFastOpen() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue
		}
		defer unix.Close(fd)
		// The option is another way to the same; it is checked when it is set.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1); err == unix.EOPNOTSUPP {
			return ErrNoFastOpen
		}
		return nil
	}
	return nil
}
