package network

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Loss is a rule that drops packets at random.
type Loss struct {
	in    *Namespace
	table *nftables.Table
	chain *nftables.Chain
}

// Lose drops one in so many packets that arrive in the namespace, at random:
//
//	chain input { type filter hook input priority filter; numgen random mod N 0 counter drop; }
//
// Dropping at the receiver is what a wire does; a sender's kernel would notice a
// drop at its own end and send again at once.
func (n *Namespace) Lose(t testing.TB, oneIn uint32) *Loss {
	t.Helper()
	rules := n.rules(t)
	l := &Loss{in: n}
	l.table = rules.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "loss"})
	l.chain = rules.AddChain(&nftables.Chain{
		Name: "input", Table: l.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	rules.AddRule(&nftables.Rule{Table: l.table, Chain: l.chain, Exprs: []expr.Any{
		&expr.Numgen{Register: 1, Modulus: oneIn, Type: unix.NFT_NG_RANDOM},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: make([]byte, 4)},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := rules.Flush(); err != nil {
		t.Skipf("nftables cannot drop at random (modules nf_tables, nft_numgen): %v", err)
	}
	return l
}

// Dropped is the number of packets that were.
func (l *Loss) Dropped(t testing.TB) uint64 {
	t.Helper()
	rules, err := l.in.rules(t).GetRules(l.table, l.chain)
	if err != nil {
		t.Fatalf("namespace %s, rules: %v", l.in.Name, err)
	}
	for _, rule := range rules {
		for _, e := range rule.Exprs {
			if counter, ok := e.(*expr.Counter); ok {
				return counter.Packets
			}
		}
	}
	t.Fatalf("namespace %s: the rule that drops packets is gone", l.in.Name)
	return 0
}

func (n *Namespace) rules(t testing.TB) *nftables.Conn {
	t.Helper()
	rules, err := nftables.New(nftables.WithNetNSFd(int(n.handle)))
	if err != nil {
		t.Fatalf("namespace %s, nftables: %v", n.Name, err)
	}
	return rules
}
