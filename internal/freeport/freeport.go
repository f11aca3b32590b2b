// Package freeport names loopback addresses for programs that tests and campaigns start: those that cannot be handed a listener, or whose
// address others must know before they run.
package freeport

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"sync"
)

// The ports are below those that systems take for connections that go out and for port 0 (Linux from 32768, others from 49152), of which
// there are thousands while tests run: such a one could have the port before the program that it was named for.
const first, ports = 20000, 12000

// given are the ports that this process named before.
var given sync.Map

// Address is one on 127.0.0.1 that nobody listened at a moment ago, and that no caller in this process got before. It fails where none of
// a thousand is free.
func Address() (string, error) {
	var last error
	for range 1000 {
		var random [2]byte
		rand.Read(random[:]) // never fails, by its contract
		port := first + int(binary.BigEndian.Uint16(random[:]))%ports
		if _, again := given.LoadOrStore(port, true); again {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", errors.Join(errors.New("no free port"), last)
}
