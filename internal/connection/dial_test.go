package connection

import (
	"testing"

	"golang.org/x/sys/unix"

	"uring-socket-proxyd/internal/resolver"
	"uring-socket-proxyd/internal/target"
)

func TestDialExtend(t *testing.T) {
	addresses := func(text string) []target.Address {
		to, err := target.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		literal, _ := to.Literal()
		return literal
	}
	var d Dial
	d.Extend(resolver.Answer{Addresses: addresses("127.0.0.1:80"), Partial: true})
	if !d.Partial() || d.Next().String() != "127.0.0.1:80" || d.Next() != nil {
		t.Fatalf("%+v", d)
	}
	d.Fail(unix.ECONNREFUSED)
	d.Extend(resolver.Answer{Addresses: addresses("*:80")}) // has it again
	if d.Partial() || d.Next().String() != "[::1]:80" || d.Next() != nil {
		t.Fatalf("%+v", d)
	}
}
