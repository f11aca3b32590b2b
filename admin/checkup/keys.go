package checkup

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/algs"
	"signet/clients/keyset"
	"signet/internal/egress"
)

// askKeys reads a set of keys, anew: what is kept of it counts for no look.
func (l *look) askKeys(ctx context.Context, a address) {
	const remedy = "Put the app's public keys there, as a JWK set (RFC 7517 section 5)."
	got, err := l.o.Out.Fetch(ctx,
		egress.Request{URL: a.uri, Header: map[string]string{"Accept": "application/jwk-set+json, application/json"}})
	if l.missed(a, err) {
		return
	}
	if err != nil {
		l.problem(a.check, unreached, "%s: %s: what the app signs cannot be verified", a, why(err))
		return
	}
	if got.Status != http.StatusOK {
		l.problem(a.check, remedy, "%s: it answers with status %d, not 200", a, got.Status)
		return
	}
	list, out, err := keyset.Read(got.Body)
	switch {
	case errors.Is(err, keyset.ErrPrivate):
		l.problem(a.check, "Make another key at once: everybody can read this one. Publish the public part alone.",
			"%s: there is a private or symmetric key among them", a)
	case err != nil:
		l.problem(a.check, remedy, "%s: what is there is not a set of keys", a)
	case a.check == "jwks_uri":
		l.keySet(a.check, list, out)
	case len(list) == 0:
		l.problem(a.check, remedy, "%s: there is no key that can be used", a)
	default:
		l.good(a.check, "%s: %d keys", a, len(list))
	}
}

// askIssuer asks whether the keys of an issuer can be had. It may be inside, where the configuration lists its host: what comes of it is
// one of two sentences.
func (l *look) askIssuer(ctx context.Context, a address) {
	had := func() (bool, error) {
		at, err := keyset.Discover(ctx, l.o.Issuers, a.uri)
		if err != nil {
			return false, err
		}
		got, err := l.o.Issuers.Fetch(ctx, egress.Request{URL: at, Header: map[string]string{"Accept": "application/json"}})
		if err != nil || got.Status != http.StatusOK {
			return false, err
		}
		list, _, err := keyset.Read(got.Body)
		return err == nil && len(list) > 0, err
	}
	is, err := had()
	if l.missed(a, err) {
		return
	}
	if is {
		l.good(a.check, "%s: its keys are there", a)
		return
	}
	l.problem(a.check, "Check the issuer and its discovery document. A host inside has to be in egress.inner_hosts.",
		"%s: its keys cannot be had: no token of it stands for the app", a)
}

// keySet looks at the keys of the app: whether they are such as what it registered needs. out is how many of the set are of no use.
func (l *look) keySet(check string, list []jose.JSONWebKey, out int) {
	n := len(l.found)
	if len(list) == 0 {
		l.problem(check, "Add a key: EC P-256, RSA of 2048 bits or more, or Ed25519.", "there is no key that can be used")
		return
	}
	if out > 0 {
		l.notice(check, "Remove them, or add one of another kind.", "%d keys are of a kind or size that is not used here", out)
	}
	kids := map[string]int{}
	for _, k := range list {
		kids[k.KeyID]++
		l.certificates(check, k)
	}
	if len(list) > 1 && kids[""] > 0 {
		l.notice(check, "Give each key a kid of its own.", "there are several keys, and %d without a kid", kids[""])
	}
	for kid, times := range kids {
		if kid != "" && times > 1 {
			l.problem(check, "Give each key a kid of its own.", "%d keys have the same kid", times)
			break
		}
	}
	l.fitting(check, list)
	if l.clean(n, check) {
		l.good(check, "%d keys, which fit what is registered", len(list))
	}
}

// certificates of a key that end.
func (l *look) certificates(check string, k jose.JSONWebKey) {
	for _, c := range k.Certificates {
		day := c.NotAfter.UTC().Format(time.DateOnly)
		switch left := c.NotAfter.Sub(l.now); {
		case left <= 0:
			l.notice(check, "Renew it.", "a certificate of a key ended on %s", day)
		case left < soon:
			l.notice(check, "Renew it.", "a certificate of a key ends on %s", day)
		}
	}
}

// fitting reports for what the app signs, and for what is encrypted to it, that there is a key.
func (l *look) fitting(check string, list []jose.JSONWebKey) {
	m := &l.app.Client.Metadata
	signs := func(what, alg string, is bool) {
		if !is || alg == "none" {
			return
		}
		offered := []string{alg}
		if alg == "" {
			offered = clients.AssertionAlgs
		}
		if !slices.ContainsFunc(list, func(k jose.JSONWebKey) bool {
			return slices.ContainsFunc(offered, func(alg string) bool { return m.Strong(alg) && clients.Verifies(k, alg) })
		}) {
			l.problem(check, "Add such a key, of use sig or none.", "none of the keys verifies its %s (%s)", what, strings.Join(offered, ", "))
		}
	}
	signs("client assertions", m.TokenEndpointAuthSigningAlg,
		m.TokenEndpointAuthMethod == clients.MethodJWTKey && len(m.FederatedCredentials) == 0)
	signs("request objects", m.RequestObjectSigningAlg, m.RequireSignedRequestObject || m.RequestObjectSigningAlg != "")
	signs("backchannel requests", m.BackchannelSigningAlg, l.app.Client.HasGrant(clients.CIBA) && m.SignsBackchannel())
	for _, e := range []struct {
		what string
		algs.Encryption
	}{{"ID tokens", m.IDTokenEncryption()}, {"userinfo", m.UserinfoEncryption()}, {"introspection", m.IntrospectionEncryption()},
		{"authorization responses", m.AuthorizationEncryption()}} {
		if e.On() && !slices.ContainsFunc(list, func(k jose.JSONWebKey) bool { return algs.Takes(k, e.Key) }) {
			l.problem(check, "Add such a key, of use enc or none.", "none of the keys can be encrypted to with %s, for %s", e.Key, e.what)
		}
	}
}
