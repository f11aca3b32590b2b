package keyset

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/exact"
)

// place is where an issuer's keys are, by its discovery document.
type place struct {
	address string
	tried   time.Time
	why     error
}

// OfIssuer gives the keys of an issuer at the jwks_uri of its discovery document (OpenID Connect Discovery section 4), which must name
// exactly this issuer. The document is asked for once an hour, and after a failure every 30 seconds at most. Errors wrap ErrNoKeys.
func (k *Cache) OfIssuer(ctx context.Context, issuer string, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	at, known := k.places.Get(issuer)
	age := time.Since(at.tried)
	if !known || age >= longest || at.why != nil && age >= shortest {
		found, err, _ := k.flight.Do("discovery "+issuer, func() (any, error) {
			ctx, done := context.WithTimeout(context.WithoutCancel(ctx), fetchTime) // others may be waiting for it
			defer done()
			address, err := Discover(ctx, k.out, issuer)
			if err != nil && at.address != "" { // it was there before
				address, err = at.address, nil
			}
			next := place{address: address, tried: time.Now(), why: err}
			k.places.Add(issuer, next)
			return next, nil
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
		}
		at = found.(place)
	}
	if at.why != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, at.why)
	}
	return k.Keys(ctx, &clients.Client{Metadata: clients.Metadata{ClientID: "issuer " + issuer, JWKSURI: at.address}}, fits)
}

// Discover reads in the discovery document of an issuer, which must name exactly this one, where its keys are.
func Discover(ctx context.Context, out Fetcher, issuer string) (jwksURI string, err error) {
	got, err := out.Fetch(ctx, egress.Request{
		URL: strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration", Header: map[string]string{"Accept": "application/json"}})
	if err != nil {
		return "", fmt.Errorf("discovery of %s: %w", issuer, err)
	}
	if got.Status != http.StatusOK {
		return "", fmt.Errorf("discovery of %s: status %d", issuer, got.Status)
	}
	var d struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	switch err := exact.Unmarshal(got.Body, &d); {
	case err != nil:
		return "", fmt.Errorf("discovery of %s: %w", issuer, err)
	case d.Issuer != issuer:
		return "", fmt.Errorf("discovery of %s: the document is of another issuer", issuer)
	case d.JWKSURI == "":
		return "", fmt.Errorf("discovery of %s: no jwks_uri", issuer)
	}
	return d.JWKSURI, nil
}
