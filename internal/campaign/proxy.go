package main

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// What a proxy does to what passes through it.
const (
	passes = iota
	cut    // no connection lives, none is made
	stalls // bytes wait
	resets // now and then a connection is reset: before a request reached the database, or after and without its answer
)

// proxy is the network between the servers and their database.
type proxy struct {
	listener net.Listener

	mu    sync.Mutex
	to    string // where it leads
	mode  int
	moved *sync.Cond
	conns map[net.Conn]bool
	reset int // connections reset so far
}

func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, to: to, conns: map[net.Conn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	p.set(cut)
	_ = p.listener.Close()
}

func (p *proxy) set(mode int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode == cut {
		for c := range p.conns {
			drop(c)
		}
	}
	p.moved.Broadcast()
}

// lead makes it lead to an address.
func (p *proxy) lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

func (p *proxy) is() (mode int, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode, p.to
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		_, to := p.is()
		server, err := net.DialTimeout("tcp", to, time.Second)
		if mode, _ := p.is(); err != nil || mode == cut {
			drop(client)
			if err == nil {
				drop(server)
			}
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		go p.copy(client, server, true)
		go p.copy(server, client, false)
	}
}

// copy moves bytes one way until either end is gone.
func (p *proxy) copy(from, to net.Conn, requests bool) {
	defer p.forget(from, to)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.mu.Lock()
			for p.mode == stalls {
				p.moved.Wait()
			}
			mode := p.mode
			p.mu.Unlock()
			lost := mode == resets && requests && rand.IntN(40) == 0
			if lost && rand.IntN(2) == 0 {
				p.count()
				return // it never arrived
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
			if lost {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // it is worked on, or done; nobody hears of it
				p.count()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset++
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
		drop(c)
	}
}

// drop resets a connection.
func drop(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
