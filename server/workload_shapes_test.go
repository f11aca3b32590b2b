package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/server/servertest"
)

// platformToken is a token as a platform makes them: its header and all of its claims.
type platformToken struct {
	name, issuer, subject string
	claims                map[string]string // that are registered
	header                map[jose.HeaderKey]any
	all                   map[string]any          // beside iss, sub, aud and the times
	array                 bool                    // aud is an array
	alg                   jose.SignatureAlgorithm // "" = RS256
	// wrong are changes with which it stands for nobody; nil removes a claim.
	wrong []map[string]any
}

// platformTokens have the shapes that GitHub, Amazon's EKS and Amazon's STS give out.
func platformTokens() []platformToken {
	return []platformToken{
		{
			name: "GitHub Actions", issuer: "https://token.actions.githubusercontent.com", subject: "repo:acme/shop:environment:prod",
			claims: map[string]string{"repository_id": "74", "environment": "prod", "ref": "refs/heads/main", "run_attempt": "1"},
			header: map[jose.HeaderKey]any{"typ": "JWT", "x5t": "ykNaY4qM_ta4k2TgZOCEYLkcYlA"},
			all: map[string]any{"actor": "ada", "actor_id": "12", "environment": "prod", "event_name": "workflow_dispatch",
				"job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "ref": "refs/heads/main", "ref_type": "branch",
				"repository": "acme/shop", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65",
				"repository_visibility": "private", "run_attempt": "1", "run_id": "99", "runner_environment": "github-hosted",
				"sha": "b0a9", "workflow": "deploy"},
			wrong: []map[string]any{{"sub": "repo:acme/shop:pull_request"}, {"sub": "repo:acme/shop:environment:prod2"}, {"repository_id": "75"},
				{"repository_id": 74.5}, {"environment": nil}, {"ref": "refs/heads/main "}, {"aud": "https://github.com/acme"},
				{"iss": "https://token.actions.githubusercontent.com/acme"}},
		}, {
			name: "EKS", issuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E",
			subject: "system:serviceaccount:shop:worker", array: true,
			all: map[string]any{"kubernetes.io": map[string]any{"namespace": "shop", "node": map[string]any{"name": "ip-10-0-0-1"},
				"pod": map[string]any{"name": "worker-0", "uid": "x"}, "serviceaccount": map[string]any{"name": "worker", "uid": "y"}}},
			wrong: []map[string]any{{"sub": "system:serviceaccount:shop2:worker"}, {"aud": []string{"sts.amazonaws.com"}},
				{"iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/OTHER"}, {"exp": nil}},
		}, {
			name: "STS", issuer: "https://0123abcd-0123-4567-89ab-0123456789ab.tokens.sts.global.api.aws",
			subject: "arn:aws:iam::123456789012:role/Deploy", alg: jose.ES384, header: map[jose.HeaderKey]any{"typ": "JWT"},
			all: map[string]any{"https://sts.amazonaws.com/": map[string]any{"aws_account": "123456789012", "source_region": "eu-central-1",
				"org_id": "o-abc", "principal_id": "arn:aws:iam::123456789012:role/Deploy"}},
			wrong: []map[string]any{{"sub": "arn:aws:iam::210987654321:role/Deploy"}, {"sub": "arn:aws:iam::123456789012:role/Deploy/x"},
				{"iss": "role", "sub": "role"}},
		},
	}
}

// TestFederated_TokensOfPlatformsAsTheyAre stand for the client, as often as they are shown, and with one claim changed for nobody.
func TestFederated_TokensOfPlatformsAsTheyAre(t *testing.T) {
	t.Parallel()
	ofRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ofCurve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	for i, p := range platformTokens() {
		id, alg, key := []string{"deploy", "worker", "role"}[i], jose.RS256, crypto.Signer(ofRSA)
		if p.alg != "" {
			alg, key = p.alg, ofCurve
		}
		app := s.App(t, id, func(m *clients.Metadata) {
			m.GrantTypes, m.RedirectURIs, m.TokenEndpointAuthMethod = []string{clients.ClientCredentials}, nil, clients.MethodJWTKey
			m.FederatedCredentials = []clients.FederatedCredential{{Issuer: p.issuer, Subject: p.subject, Claims: p.claims,
				JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "platform", Algorithm: string(alg)}}}}}
		})
		send := func(change map[string]any) (int, map[string]any) {
			o := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": "platform"}}
			maps.Copy(o.ExtraHeaders, p.header)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			claims := map[string]any{"iss": p.issuer, "sub": p.subject, "aud": s.URL, "jti": "0c54", "iat": now.Unix(),
				"nbf": now.Add(-5 * time.Minute).Unix(), "exp": now.Add(time.Hour).Unix()}
			if p.array {
				claims["aud"] = []string{s.URL}
			}
			maps.Copy(claims, p.all)
			maps.Copy(claims, change)
			maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
			token, err := jwt.Signed(signer).Claims(claims).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			return app.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id},
				"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {token}})
		}
		for range 2 {
			if status, got := send(nil); status != 200 || claimsOf(t, got["access_token"].(string))["sub"] != id {
				t.Fatalf("%s: %d %v", p.name, status, got)
			}
		}
		for _, change := range p.wrong {
			if status, got := send(change); status != 401 || got["error"] != "invalid_client" {
				t.Errorf("%s with %v: %d %v", p.name, change, status, got)
			}
		}
	}
}
