package egress

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"signet/internal/tracing"
)

// HTTP is the client for libraries that want one of net/http: the same guard, limits and places. A redirect is an error.
func (c *Client) HTTP() *http.Client {
	return &http.Client{Transport: guard{c}, CheckRedirect: refuseRedirect}
}

func refuseRedirect(*http.Request, []*http.Request) error {
	return fmt.Errorf("%w: a redirect", ErrAnswer)
}

type guard struct{ *Client }

// RoundTrip is for http.Client.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := g.parse(req.URL.String()); err != nil {
		return nil, err
	}
	leave, err := g.enter(req.URL.Host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), g.total)
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", agent)
	_, end := tracing.Span(ctx, req.Method, req.URL.Hostname())
	res, err := g.transport.RoundTrip(req)
	end(err)
	if err == nil && res.Header.Get("Content-Encoding") != "" {
		_ = res.Body.Close()
		err = fmt.Errorf("%w: compressed", ErrAnswer)
	}
	if err != nil {
		cancel()
		leave()
		return nil, fmt.Errorf("fetch from %s: %w", req.URL.Hostname(), err)
	}
	res.Body = &bounded{res.Body, g.maxBody, func() { cancel(); leave() }}
	return res, nil
}

// bounded is a body that fails when it is longer than it may be, rather than end early.
type bounded struct {
	io.ReadCloser
	left int64
	done func()
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("%w: too large", ErrAnswer)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("%w: too large", ErrAnswer)
	}
	return n, err
}

func (b *bounded) Close() error {
	err := b.ReadCloser.Close()
	if b.done != nil {
		b.done()
		b.done = nil
	}
	return err
}
