package forward

import (
	"testing"

	"uring-socket-proxyd/internal/socket"
)

func TestSparePassed(t *testing.T) {
	p := Policy{Workers: 1, Limits: Limits{Descriptors: 100}}
	if err := p.SparePassed([]int{20, 90}); err != nil {
		t.Error(err)
	}
	if err := p.SparePassed([]int{20, 91}); !socket.Shortage(err) {
		t.Errorf("a descriptor that others need: %v", err)
	}
	p.Limits.Descriptors = 0
	if err := p.SparePassed([]int{20, 91}); err != nil {
		t.Error(err)
	}
}
