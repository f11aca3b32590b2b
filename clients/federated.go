package clients

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients/algs"
)

// FederatedCredential lets tokens of a platform stand for a client: a Kubernetes service account, a GitHub Actions job, a SPIFFE workload.
// The client then needs no secret of its own. An operator names it; no application registers one itself.
type FederatedCredential struct {
	Issuer   string `json:"issuer"`             // iss of the platform's tokens, exactly
	Subject  string `json:"subject"`            // sub, exactly: there are no wildcards
	Audience string `json:"audience,omitempty"` // their only aud; "" = this server's issuer
	// The platform's public keys, or their address; neither: where the issuer's discovery document says.
	JWKS    *jose.JSONWebKeySet `json:"jwks,omitempty"`
	JWKSURI string              `json:"jwks_uri,omitempty"`
	Claims  map[string]string   `json:"claims,omitempty"` // further claims that must be so, exactly
}

// Federated are the credentials of a client that name this issuer.
func (m Metadata) Federated(issuer string) (found []FederatedCredential) {
	for _, f := range m.FederatedCredentials {
		if f.Issuer == issuer {
			found = append(found, f)
		}
	}
	return found
}

const maxFederated = 20

// validateFederated wants each to be for one workload only.
func (m Metadata) validateFederated() (errs []error) {
	add := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("federated_credentials: %d: "+format, append([]any{i}, args...)...))
	}
	if len(m.FederatedCredentials) == 0 {
		return nil
	}
	if m.TokenEndpointAuthMethod != MethodJWTKey {
		errs = append(errs, fmt.Errorf("federated_credentials: need token_endpoint_auth_method private_key_jwt"))
	}
	if slices.ContainsFunc(m.GrantTypes, func(g string) bool { return g == AuthorizationCode || g == Implicit || g == Password }) {
		errs = append(errs, fmt.Errorf("federated_credentials: are for workloads; register another client for people's sign-ins"))
	}
	if len(m.FederatedCredentials) > maxFederated {
		errs = append(errs, fmt.Errorf("federated_credentials: at most %d", maxFederated))
	}
	for i, f := range m.FederatedCredentials {
		u, err := url.Parse(f.Issuer)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "spiffe" || u.Host == "" || len(f.Issuer) > 512 || !redirectBytes(f.Issuer):
			add(i, "issuer must be the https address in the tokens' iss")
		case f.Subject == "" || len(f.Subject) > 512 || strings.ContainsAny(f.Subject, "*?"):
			add(i, "subject must be the tokens' sub, whole: there are no wildcards")
		case f.Subject == m.ClientID && f.Issuer == m.ClientID:
			add(i, "is the client itself")
		case f.JWKS != nil && f.JWKSURI != "":
			add(i, "has jwks and jwks_uri; leave one of them out")
		case f.JWKSURI != "" && !httpsLink(f.JWKSURI):
			add(i, "jwks_uri %s", wantsLink)
		case f.JWKS == nil && f.JWKSURI == "" && u.Scheme != "https":
			add(i, "needs jwks or jwks_uri: its issuer has no discovery document")
		case slices.Contains(slices.Collect(maps.Values(f.Claims)), ""):
			add(i, "a claim must have a value")
		case len(f.Claims) > 20 || len(f.Audience) > 512:
			add(i, "has too many claims, or an audience that is too long")
		}
		if f.JWKS != nil {
			for _, err := range (Metadata{JWKS: f.JWKS}).validateKeys(algs.Issuers) {
				add(i, "%w", err)
			}
		}
	}
	return errs
}
