package web_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/server/web"
)

// pipes is a listener whose connections are in memory, so that a clock of the test moves them.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.gone) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// TestA06_WhatWasLongInTheMakingIsAnswered: the 30 seconds of an answer are for whoever reads it slowly. A machine that is too busy may
// make one for longer; it is sent then, and not cut off.
func TestA06_WhatWasLongInTheMakingIsAnswered(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(strings.ReplaceAll(proto, "/", " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t, issuer, func(m *web.Mux) {
					m.API("GET /late", web.NoCORS, func(w http.ResponseWriter, _ *http.Request) error {
						time.Sleep(50 * time.Second)
						_, err := io.WriteString(w, strings.Repeat("late ", 10_000))
						return err
					})
					m.API("GET /fails", web.NoCORS, func(http.ResponseWriter, *http.Request) error {
						time.Sleep(50 * time.Second)
						return errors.New("it came to nothing")
					})
					m.API("GET /soon", web.NoCORS, func(w http.ResponseWriter, _ *http.Request) error {
						_, err := io.WriteString(w, strings.Repeat("soon ", 1_000_000))
						return err
					})
				})
				protocols := new(http.Protocols)
				protocols.SetHTTP1(proto == "HTTP/1.1")
				protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
				p := &pipes{conns: make(chan net.Conn), gone: make(chan struct{})}
				s := &http.Server{Handler: d, Protocols: protocols}
				web.Harden(s)
				done := make(chan struct{})
				go func() { _ = s.Serve(p); close(done) }()
				transport := &http.Transport{DialContext: p.dial, Protocols: protocols}
				get := func(path string, slow time.Duration) (int, int, error) {
					r := request("GET", path).WithContext(t.Context())
					r.URL.Scheme, r.URL.Host, r.RequestURI = "http", r.Host, ""
					res, err := transport.RoundTrip(r)
					if err != nil {
						return 0, 0, err
					}
					defer res.Body.Close()
					if res.Proto != proto {
						t.Errorf("it was %s", res.Proto)
					}
					time.Sleep(slow)
					body, err := io.ReadAll(res.Body)
					return res.StatusCode, len(body), err
				}
				for range 2 { // on one connection
					if status, n, err := get("/late", 0); status != 200 || n != 50_000 || err != nil {
						t.Errorf("late: got %d, %d bytes, %v", status, n, err)
					}
				}
				if status, _, err := get("/fails", 0); status != 500 || err != nil {
					t.Errorf("fails: got %d, %v", status, err)
				}
				if status, n, err := get("/soon", 20*time.Second); status != 200 || n != 5_000_000 || err != nil {
					t.Errorf("read within 30 s: got %d, %d bytes, %v", status, n, err)
				}
				if _, n, err := get("/soon", 40*time.Second); err == nil {
					t.Errorf("who reads for longer is not cut off: %d bytes", n)
				}
				transport.CloseIdleConnections()
				_ = s.Close()
				<-done
			})
		})
	}
}
