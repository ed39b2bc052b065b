package main

import "testing"

func TestOutboundOptions(t *testing.T) {
	for _, test := range []struct {
		args       string
		mark       uint32
		ipv4, ipv6 string
	}{
		{"/x", 0, "invalid IP", "invalid IP"},
		{"--mark=1 /x", 1, "invalid IP", "invalid IP"},
		{"--mark=42 --mark 0x2b /x", 43, "invalid IP", "invalid IP"},
		{"--mark=0XfFfFfFfF /x", 1<<32 - 1, "invalid IP", "invalid IP"},
		{"--bind=192.0.2.1 /x", 0, "192.0.2.1", "invalid IP"},
		{"--bind=2001:db8::1 --bind ::ffff:192.0.2.1 /x", 0, "192.0.2.1", "2001:db8::1"},
		{"--bind=fe80::1%eth0 /x", 0, "invalid IP", "fe80::1%eth0"},
	} {
		o, err := parseOptions(args(test.args))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		outbound := o.outbound()
		if outbound.Mark != test.mark || outbound.Bind4.String() != test.ipv4 || outbound.Bind6.String() != test.ipv6 || outbound.FastOpen || outbound.Transparent {
			t.Errorf("%s: %+v", test.args, outbound)
		}
	}
	o, err := parseOptions(args("--fast-open --transparent /x"))
	if err != nil || !o.outbound().FastOpen || !o.outbound().Transparent {
		t.Errorf("--fast-open --transparent: %+v, %v", o, err)
	}
	const need = "need a number from 1 to 4294967295, or from 0x1 to 0xffffffff"
	for argument, want := range map[string]string{
		"--mark=":                `--mark="": ` + need,
		"--mark=0":               `--mark="0": ` + need,
		"--mark=0x0":             `--mark="0x0": ` + need,
		"--mark=0x":              `--mark="0x": ` + need,
		"--mark=010":             `--mark="010": ` + need,
		"--mark=+1":              `--mark="+1": ` + need,
		"--mark=-1":              `--mark="-1": ` + need,
		"--mark=4294967296":      `--mark="4294967296": ` + need,
		"--mark=0x100000000":     `--mark="0x100000000": ` + need,
		"--mark=1/2":             `--mark="1/2": ` + need,
		"--bind=":                `--bind="": need an IPv4 or IPv6 address of this machine, without a port and without brackets`,
		"--bind=192.0.2.1:80":    `--bind="192.0.2.1:80": need an IPv4 or IPv6 address of this machine, without a port and without brackets`,
		"--bind=[::1]":           `--bind="[::1]": need an IPv4 or IPv6 address of this machine, without a port and without brackets`,
		"--bind=localhost":       `--bind="localhost": need an IPv4 or IPv6 address of this machine, without a port and without brackets`,
		"--bind=0.0.0.0":         `--bind="0.0.0.0": cannot be a source address; need an address of this machine`,
		"--bind=::":              `--bind="::": cannot be a source address; need an address of this machine`,
		"--bind=224.0.0.1":       `--bind="224.0.0.1": cannot be a source address; need an address of this machine`,
		"--bind=255.255.255.255": `--bind="255.255.255.255": cannot be a source address; need an address of this machine`,
		"--bind=ff02::1%eth0":    `--bind="ff02::1%eth0": cannot be a source address; need an address of this machine`,
		"--bind=2001:db8::1%e0":  `--bind="2001:db8::1%e0": only link-local addresses take an interface; leave out %e0`,
		"--fast-open=yes":        `--fast-open="yes": takes no value; leave it out`,
		"--transparent=":         `--transparent="": takes no value; leave it out`,
	} {
		if _, err := parseOptions([]string{argument, "/x"}); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %v", argument, err, want)
		}
	}
	if _, err := parseOptions(args("--bind=192.0.2.1 --bind=192.0.2.2 /x")); err == nil || err.Error() != `--bind="192.0.2.2": 192.0.2.1 is already given; give at most one address of each family` {
		t.Errorf("two of a family: %v", err)
	}
}
