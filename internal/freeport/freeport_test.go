package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"signet/internal/freeport"
)

// TestNobodyElseGetsTheAddress: it can be listened at, is named once, and is none that the system gives to a connection.
func TestNobodyElseGetsTheAddress(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		address, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(address)
		if n, err := strconv.Atoi(port); err != nil || n < 20000 || n >= 32768 || seen[address] {
			t.Errorf("%s (before: %v)", address, seen[address])
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}
