package provider

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/internal/exact"
	"signet/internal/typed"
	"signet/users/identifier"
)

const (
	appleSecretLife = 5 * time.Minute
	appleUserSize   = 4 << 10 // bytes of the form field user
	appleNameSize   = 100     // characters of a name in it
)

// appleMail are the domains whose mailboxes Apple runs.
var appleMail = []string{"privaterelay.appleid.com", "icloud.com", "me.com", "mac.com"}

// newApple is developer.apple.com/documentation/signinwithapplerestapi.
func newApple(s Settings, client *http.Client) (Provider, error) {
	issuer := cmp.Or(s.Issuer, "https://appleid.apple.com")
	secret, err := newAppleSecret(s, issuer)
	if err != nil {
		return nil, err
	}
	s.ClientSecret = ""
	return newOpenid(s, client, oidcQuirks{
		base:   issuer,
		scopes: []string{"name", "email"},
		request: func(_ AuthRequest, q url.Values) {
			for _, unknown := range []string{"prompt", "max_age", "login_hint", "ui_locales"} { // it asks each time, in its own language
				q.Del(unknown)
			}
			q.Set("response_mode", "form_post") // name and email are given in no other way
		},
		secret:   secret.get,
		verified: func(claims map[string]any) bool { return appleTrue(claims["email_verified"]) },
		finish: func(i *Identity, callback url.Values) error {
			i.Authoritative = i.EmailVerified && slices.Contains(appleMail, identifier.EmailDomain(i.Email))
			if private, said := i.Claims["is_private_email"]; said {
				i.Claims["is_private_email"] = appleTrue(private)
			}
			if user := callback["user"]; len(user) == 1 {
				appleName(i.Claims, user[0])
			}
			return nil
		},
		deniedCode: "user_cancelled_authorize",
	})
}

// appleTrue reads what Apple sends as "a string or a Boolean".
func appleTrue(claim any) bool { return claim == true || claim == "true" }

// appleSecret makes client secrets: JWTs that the developer's key signs ("Creating a client secret").
type appleSecret struct {
	signer jose.Signer
	claims jwt.Claims

	mu    sync.Mutex
	kept  string
	until time.Time
}

func newAppleSecret(s Settings, audience string) (*appleSecret, error) {
	if s.TeamID == "" || s.KeyID == "" || s.PrivateKey == "" {
		return nil, errors.New("an upstream of kind apple needs its team id, key id and private key")
	}
	block, rest := pem.Decode([]byte(s.PrivateKey))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("the private key is not in PEM, or not one alone")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the private key is not a PKCS #8 key on P-256")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: s.KeyID}}, nil)
	if err != nil {
		return nil, fmt.Errorf("sign client secrets: %w", err)
	}
	return &appleSecret{signer: signer, claims: jwt.Claims{Issuer: s.TeamID, Subject: s.ClientID, Audience: jwt.Audience{audience}}}, nil
}

// get gives one that is good for a minute at least.
func (a *appleSecret) get() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Add(time.Minute).Before(a.until) {
		return a.kept, nil
	}
	claims, until := a.claims, now.Add(appleSecretLife)
	claims.IssuedAt, claims.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(until)
	secret, err := jwt.Signed(a.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a client secret: %w", err)
	}
	a.kept, a.until = secret, until
	return secret, nil
}

// appleName adds the name that comes beside the token, at the first sign-in only. Nobody signed it, so it is a name as if it were
// typed; the address in it is ignored. What cannot be read is left out.
func appleName(claims map[string]any, user string) {
	if user == "" || len(user) > appleUserSize {
		return
	}
	var form struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if exact.Unmarshal([]byte(user), &form) != nil {
		return
	}
	given, family := applePart(form.Name.First), applePart(form.Name.Last)
	for name, value := range map[string]string{"given_name": given, "family_name": family, "name": strings.TrimSpace(given + " " + family)} {
		if value != "" && claims[name] == nil {
			claims[name] = value
		}
	}
}

// applePart is a part of a name; "" if it is not a name that our people may have (D09), or if it was cut on its way.
func applePart(s string) string {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > appleNameSize || !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) || typed.Hidden(s) {
		return ""
	}
	return s
}
