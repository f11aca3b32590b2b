package federationtest

import (
	"maps"
	"testing"
)

// Microsoft is the Microsoft identity platform v2.0 as documented at learn.microsoft.com/entra/identity-platform: of one tenant's
// people, asked by "common" or the like, or by the tenant itself. What the kind microsoft has as its issuer is the URL.
type Microsoft struct {
	*OIDC
	TenantID string // tid of the accounts
}

// NewMicrosoft starts one that ends with the test. tenant is how it is asked: "common", "organizations", "consumers", a domain, or
// "" = the tenant's id. Account.EmailVerified becomes xms_edov, which the real one sends where the app asks for that claim.
func NewMicrosoft(t testing.TB, tenant string, accounts ...Account) *Microsoft {
	t.Helper()
	id := "72f988bf-86f1-41af-91ab-2d7cd011db47"
	template := "/{tenantid}/v2.0"
	switch tenant {
	case "consumers":
		id = "9188040d-6c67-4c5b-b112-36a304b66dad"
		template = "/" + id + "/v2.0"
	case "common", "organizations":
	case "":
		tenant, template = id, "/"+id+"/v2.0"
	default:
		template = "/" + id + "/v2.0"
	}
	s := newOIDC(t, OIDCOptions{
		Name: "Microsoft", Alg: "RS256", AuthMethods: []string{"client_secret_post", "private_key_jwt", "client_secret_basic"}, EndSession: true,
		Path: "/" + id + "/v2.0", Template: template,
		Metadata: map[string]any{"code_challenge_methods_supported": nil, "revocation_endpoint": nil, "backchannel_logout_supported": nil,
			"backchannel_logout_session_supported": nil},
		Claims: func(a Account) map[string]any {
			claims := map[string]any{"tid": id, "oid": "00000000-0000-0000-66f3-" + a.Subject, "ver": "2.0"}
			if a.EmailVerified {
				claims["xms_edov"] = true
			}
			return claims
		},
	}, oidcPaths{
		discovery: "/" + tenant + "/v2.0/.well-known/openid-configuration", auth: "/" + tenant + "/oauth2/v2.0/authorize",
		token:    "/" + tenant + "/oauth2/v2.0/token",
		userinfo: "/oidc/userinfo", jwks: "/" + tenant + "/discovery/v2.0/keys", revoke: "/revoke",
		endSession: "/" + tenant + "/oauth2/v2.0/logout",
	}, accounts)
	s.kind, s.keyIssuer = microsoft, template
	s.ClientID = "6731de76-14a6-49ae-97bc-6eba6914391e"
	return &Microsoft{s, id}
}

// TamperTenant lets the tokens be of another tenant, as those of "common" may be; claims of a later Tamper come after it.
func (m *Microsoft) TamperTenant(tid string) {
	m.Tamper(func(claims map[string]any) {
		maps.Copy(claims, map[string]any{"tid": tid, "iss": m.URL + "/" + tid + "/v2.0"})
	})
}

// KeyIssuer changes whose tokens the published keys are said to be for: a path, "/{tenantid}/v2.0" say.
func (m *Microsoft) KeyIssuer(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keyIssuer = path
}
