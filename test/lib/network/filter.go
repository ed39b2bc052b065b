package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// toPort matches TCP packets to a port.
func toPort(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: binary.BigEndian.AppendUint16(nil, port)},
	}
}

// CountMarked counts the TCP packets to a port that leave the namespace: those with a
// mark, and all.
//
//	chain output { type filter hook output priority filter; tcp dport PORT counter; tcp dport PORT meta mark MARK counter; }
func (n *Namespace) CountMarked(t testing.TB, port uint16, mark uint32) (counts func() (marked, all uint64)) {
	t.Helper()
	rules := n.rules(t)
	table := rules.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: fmt.Sprintf("marks-%d-%d", port, mark)})
	chain := rules.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	marked := append(toPort(port),
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: binary.NativeEndian.AppendUint32(nil, mark)})
	for _, match := range [][]expr.Any{toPort(port), marked} {
		rules.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match, &expr.Counter{})})
	}
	if err := rules.Flush(); err != nil {
		t.Skipf("nftables cannot count packets (module nf_tables): %v", err)
	}
	return func() (uint64, uint64) {
		t.Helper()
		list, err := n.rules(t).GetRules(table, chain)
		if err != nil || len(list) != 2 {
			t.Fatalf("namespace %s, %d rules: %v", n.Name, len(list), err)
		}
		return packets(list[1]), packets(list[0])
	}
}

func packets(rule *nftables.Rule) uint64 {
	for _, e := range rule.Exprs {
		if counter, ok := e.(*expr.Counter); ok {
			return counter.Packets
		}
	}
	return 0
}

// connectsTo matches the packets that open TCP connections to a port.
func connectsTo(port uint16) []expr.Any {
	const flags, synAndACK, syn = 13, 0x12, 0x02
	return append(toPort(port),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: flags, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{synAndACK}, Xor: []byte{0}},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: []byte{syn}})
}

// longestHeaders is what IPv6 and TCP put before the first byte of a packet at most,
// without what nobody sends.
const longestHeaders = 40 + 60

// CountEarly counts what leaves the namespace to open a TCP connection to a port and has
// bytes with it, more than a few.
//
//	chain output { type filter hook output priority filter; tcp dport PORT tcp flags & (syn|ack) == syn meta length > 100 counter; }
func (n *Namespace) CountEarly(t testing.TB, port uint16) (count func() uint64) {
	t.Helper()
	rules := n.rules(t)
	table := rules.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: fmt.Sprintf("early-%d", port)})
	chain := rules.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	rules.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(connectsTo(port),
		&expr.Meta{Key: expr.MetaKeyLEN, Register: 1},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Register: 1, Op: expr.CmpOpGt, Data: binary.BigEndian.AppendUint32(nil, longestHeaders)},
		&expr.Counter{})})
	if err := rules.Flush(); err != nil {
		t.Skipf("nftables cannot count packets (module nf_tables): %v", err)
	}
	return n.counted(t, table, chain)
}

// counted reads the counter of a chain's only rule.
func (n *Namespace) counted(t testing.TB, table *nftables.Table, chain *nftables.Chain) func() uint64 {
	return func() uint64 {
		t.Helper()
		list, err := n.rules(t).GetRules(table, chain)
		if err != nil || len(list) != 1 {
			t.Fatalf("namespace %s, %d rules: %v", n.Name, len(list), err)
		}
		return packets(list[0])
	}
}

// DropConnects drops what arrives in the namespace to open a TCP connection to a port,
// over the family of the address alone, until it is stopped.
//
//	chain input { type filter hook input priority filter; tcp dport PORT tcp flags & (syn|ack) == syn counter drop; }
func (n *Namespace) DropConnects(t testing.TB, to netip.AddrPort) (dropped func() uint64, stop func()) {
	t.Helper()
	family := nftables.TableFamilyIPv6
	if to.Addr().Is4() {
		family = nftables.TableFamilyIPv4
	}
	rules := n.rules(t)
	table := rules.AddTable(&nftables.Table{Family: family, Name: "connects"})
	chain := rules.AddChain(&nftables.Chain{
		Name: "input", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	rules.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(connectsTo(to.Port()),
		&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})})
	if err := rules.Flush(); err != nil {
		t.Skipf("nftables cannot drop connects (module nf_tables): %v", err)
	}
	stop = func() {
		t.Helper()
		rules := n.rules(t)
		rules.DelTable(table)
		if err := rules.Flush(); err != nil {
			t.Fatalf("namespace %s, taking the rule out: %v", n.Name, err)
		}
	}
	return n.counted(t, table, chain), stop
}
