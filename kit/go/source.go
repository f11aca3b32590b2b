package kit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const maxAnswer = 256 << 10 // bytes of an answer of the issuer

// source is where an issuer says what is needed of it.
type source struct {
	issuer, jwks string
	http         *http.Client

	mu    sync.Mutex
	known *discovered
}

// discovered is what is read of a discovery document.
type discovered struct {
	Issuer        string `json:"issuer"`
	JWKS          string `json:"jwks_uri"`
	Introspection string `json:"introspection_endpoint"`
}

func (s *source) keys(ctx context.Context) (map[string][]jose.JSONWebKey, error) {
	address := s.jwks
	if address == "" {
		d, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		address = d.JWKS
	}
	raw, err := s.get(ctx, address)
	if err != nil {
		s.forget() // it may have moved
		return nil, err
	}
	return parseKeys(raw)
}

func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
}

// discover reads the issuer's discovery document, once.
func (s *source) discover(ctx context.Context) (discovered, error) {
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	raw, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return discovered{}, err
	}
	var d discovered
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("read the discovery document: %w", err)
	}
	switch {
	case d.Issuer != s.issuer:
		return d, fmt.Errorf("the discovery document is of the issuer %q, not %q", d.Issuer, s.issuer)
	case !safe(d.JWKS):
		return d, fmt.Errorf("jwks_uri %q must be an https URL", d.JWKS)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = &d
	return d, nil
}

func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	return s.getAs(ctx, address, "application/json")
}

// getAs is get of another type.
func (s *source) getAs(ctx context.Context, address, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	return s.do(req)
}

// do makes a request; only 200 with a body of bounded size is an answer.
func (s *source) do(req *http.Request) ([]byte, error) {
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %d", req.URL.Redacted(), res.StatusCode)
	case len(raw) > maxAnswer:
		return nil, errors.New(req.URL.Redacted() + " answers with too much")
	}
	return raw, nil
}
