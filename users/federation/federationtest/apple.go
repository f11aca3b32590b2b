package federationtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Apple is Sign in with Apple as documented at developer.apple.com/documentation/signinwithapplerestapi: the client secret is a JWT
// of the developer's, the answer is posted, and the name comes at the first sign-in only, beside the token.
type Apple struct {
	*OIDC
	TeamID, KeyID string
	PrivateKey    string // as downloaded: PKCS #8 in PEM
}

// NewApple starts one that ends with the test. Its issuer is the URL.
func NewApple(t testing.TB, accounts ...Account) *Apple {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a := &Apple{TeamID: "DEF123GHIJ", KeyID: "ABC123DEFG", PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	a.OIDC = newOIDC(t, OIDCOptions{
		Name: "Apple", Alg: "RS256", AuthMethods: []string{"client_secret_post"},
		Metadata: map[string]any{
			"userinfo_endpoint": nil, "code_challenge_methods_supported": nil, "scopes_supported": []string{"openid", "email", "name"},
			"response_modes_supported": []string{"query", "fragment", "form_post"},
		},
		Claims: func(account Account) map[string]any {
			claims := map[string]any{"nonce_supported": true, "auth_time": time.Now().Unix()}
			if account.Email != "" {
				claims["email_verified"] = "false"
				if account.EmailVerified {
					claims["email_verified"] = "true" // "The value can either be a string or a Boolean"
				}
			}
			if strings.HasSuffix(account.Email, "@privaterelay.appleid.com") {
				claims["is_private_email"] = "true"
			}
			return claims
		},
		Callback: func(account Account, nth int) url.Values {
			if nth > 1 {
				return nil
			}
			user, _ := json.Marshal(map[string]any{
				"name": map[string]any{"firstName": account.GivenName, "lastName": account.FamilyName}, "email": account.Email,
			})
			return url.Values{"user": {string(user)}}
		},
		Secret: func(secret string) bool { return a.proves(&key.PublicKey, secret) },
	}, oidcPaths{
		discovery: "/.well-known/openid-configuration", auth: "/auth/authorize", token: "/auth/token", userinfo: "/none", jwks: "/auth/keys",
		revoke: "/auth/revoke",
	}, accounts)
	a.kind = apple
	a.ClientID, a.ClientSecret = "com.example.signin", ""
	return a
}

// proves reports whether a client secret is one that Apple takes ("Creating a client secret").
func (a *Apple) proves(key *ecdsa.PublicKey, secret string) bool {
	signed, err := jwt.ParseSigned(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || signed.Headers[0].KeyID != a.KeyID {
		return false
	}
	var claims jwt.Claims
	now := time.Now()
	return signed.Claims(key, &claims) == nil && claims.Issuer == a.TeamID && claims.Subject == a.ClientID &&
		slices.Equal(claims.Audience, jwt.Audience{a.URL}) &&
		claims.IssuedAt != nil && claims.Expiry != nil && now.Before(claims.Expiry.Time()) && claims.Expiry.Time().Before(now.AddDate(0, 6, 0))
}
