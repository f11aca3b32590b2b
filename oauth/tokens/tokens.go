// Package tokens says what is in the tokens Signet issues and what it takes for one of its own: access tokens (RFC
// 9068), refresh tokens (JWTs that only we can read), ID tokens (OpenID Connect Core section 2).
//
// It owns claims, issuer, audience of refresh tokens, and time. It does not know whether a grant is alive or a token was
// revoked: that is the ledger's one joined read, never remembered here. Keys and signatures are package keys'. Begin
// reading with Issuer.
package tokens

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"signet/oauth/keys"
)

// Clock tolerance, stated once (rule A05).
const (
	late  = 10 * time.Second // exp may be this long ago
	early = 30 * time.Second // iat may be this far ahead
)

// Why a token that is well signed was not accepted. Those of package keys come beside.
var (
	ErrExpired = errors.New("token has expired")
	ErrForeign = errors.New("token is not of this issuer")
	ErrClaims  = errors.New("token lacks a claim")
)

// Options of New; the zero value is fine.
type Options struct {
	// AccessAlg and IDAlg sign where the caller names none; default ES256 and RS256 (OpenID Connect Core section 2).
	AccessAlg, IDAlg string
	// Remembered bounds how many verified access tokens are remembered, default 4096.
	Remembered int
}

// Issuer issues and verifies tokens. It is safe for concurrent use.
type Issuer struct {
	url      string
	ring     *keys.Ring
	o        Options
	verified *lru.Cache[[sha256.Size]byte, verified]
}

// verified is an access token whose signature was checked while the ring had this version. Nothing of its status is kept.
type verified struct {
	version uint64
	access  Access
}

// New makes the issuer of the given URL (the iss claim, byte for byte).
func New(issuerURL string, ring *keys.Ring, o Options) (*Issuer, error) {
	if issuerURL == "" || ring == nil {
		return nil, errors.New("tokens: issuer and ring are required")
	}
	o.AccessAlg = cmp.Or(o.AccessAlg, keys.ES256)
	o.IDAlg = cmp.Or(o.IDAlg, keys.RS256)
	cache, err := lru.New[[sha256.Size]byte, verified](cmp.Or(o.Remembered, 4096))
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return &Issuer{url: issuerURL, ring: ring, o: o, verified: cache}, nil
}

// URL is the iss claim.
func (i *Issuer) URL() string { return i.url }

// SignAccess signs an access token with alg ("" = the default) and sets iss. ErrClaims if one that RFC 9068 section 2.2
// requires is missing.
func (i *Issuer) SignAccess(alg string, a Access) (string, error) {
	a.Issuer = i.url
	if err := a.check(); err != nil {
		return "", err
	}
	return i.sign(cmp.Or(alg, i.o.AccessAlg), keys.TypAccess, a.encode())
}

// SignRefresh signs a refresh token and sets iss and aud. The same claims give the same bytes.
func (i *Issuer) SignRefresh(r Refresh) (string, error) {
	r.Issuer, r.Audience = i.url, i.url
	if err := r.check(); err != nil {
		return "", err
	}
	payload := r.encode()
	defer payload.done()
	return i.ring.SignRefresh(&payload.b)
}

// SignID signs an ID token with alg ("" = the default) and sets iss.
func (i *Issuer) SignID(alg string, id ID) (string, error) {
	id.Issuer = i.url
	if err := id.check(); err != nil {
		return "", err
	}
	return i.sign(cmp.Or(alg, i.o.IDAlg), keys.TypID, id.encode())
}

func (i *Issuer) sign(alg, typ string, payload *object) (string, error) {
	defer payload.done()
	if payload.err != nil {
		return "", fmt.Errorf("claims of %s: %w", typ, payload.err)
	}
	return i.ring.Sign(alg, typ, &payload.b)
}

// SignLogout signs a logout token with alg ("" = the default of ID tokens) and sets iss and events.
func (i *Issuer) SignLogout(alg string, l Logout) (string, error) {
	l.Issuer, l.Events = i.url, map[string]struct{}{logoutEvent: {}}
	if err := l.check(); err != nil {
		return "", err
	}
	return i.ring.Sign(cmp.Or(alg, i.o.IDAlg), keys.TypLogout, &l)
}

// SignIDJAG signs an identity assertion authorization grant with alg ("" = the default of ID tokens) and sets iss.
func (i *Issuer) SignIDJAG(alg string, j IDJAG) (string, error) {
	j.Issuer = i.url
	if err := j.check(); err != nil {
		return "", err
	}
	return i.ring.Sign(cmp.Or(alg, i.o.IDAlg), keys.TypIDJAG, &j)
}

// SignStatus signs a status list as it stands (Token Status List section 5.1).
func (i *Issuer) SignStatus(claims any) (string, error) {
	return i.ring.Sign(i.o.AccessAlg, keys.TypStatus, claims)
}

// VerifyAccess checks signature, type, issuer, required claims and time. It remembers what it verified; whether the token
// was revoked or its grant lives is the caller's next question. The slices of the result are shared: read only.
func (i *Issuer) VerifyAccess(token string) (Access, error) {
	sum := sha256.Sum256([]byte(token))
	version := i.ring.Version()
	if v, ok := i.verified.Get(sum); ok && v.version == version {
		if err := inTime(v.access.IssuedAt, v.access.ExpiresAt); err != nil {
			return Access{}, err
		}
		return v.access, nil
	}
	var a Access
	if err := i.ring.Verify(token, keys.TypAccess, &a); err != nil {
		return Access{}, err
	}
	if a.Issuer != i.url {
		return Access{}, ErrForeign
	}
	if err := errors.Join(a.check(), inTime(a.IssuedAt, a.ExpiresAt)); err != nil {
		return Access{}, err
	}
	i.verified.Add(sum, verified{version, a})
	return a, nil
}

// VerifyRefresh checks signature, type, issuer, audience, required claims and time. The grant row decides the rest.
func (i *Issuer) VerifyRefresh(token string) (Refresh, error) {
	var r Refresh
	if err := i.ring.VerifyRefresh(token, &r); err != nil {
		return Refresh{}, err
	}
	if r.Issuer != i.url || r.Audience != i.url {
		return Refresh{}, ErrForeign
	}
	if err := errors.Join(r.check(), inTime(0, r.ExpiresAt)); err != nil {
		return Refresh{}, err
	}
	return r, nil
}

// VerifyIDHint checks signature, type and issuer of an id_token_hint. An expired one is accepted (OpenID Connect
// RP-Initiated Logout section 2), and one that the app encrypted to a key of ours (OpenID Connect Core section 3.1.2.1): there are some
// where encrypted request objects are taken. What we encrypted to the app is not ours to open: keys.ErrSealed. The caller looks at aud and
// sub.
func (i *Issuer) VerifyIDHint(token string) (ID, error) {
	var id ID
	if strings.Count(token, ".") == 4 { // RFC 7516 section 9
		inside, err := i.ring.Decrypt(token)
		if err != nil {
			return ID{}, err
		}
		token = string(inside)
	}
	if err := i.ring.Verify(token, keys.TypID, &id); err != nil {
		return ID{}, err
	}
	if id.Issuer != i.url {
		return ID{}, ErrForeign
	}
	if err := id.check(); err != nil {
		return ID{}, err
	}
	return id, nil
}

// VerifyID checks all of an ID token but its audience: signature, type, issuer, required claims and time.
func (i *Issuer) VerifyID(token string) (ID, error) {
	var id ID
	if err := i.ring.VerifyFresh(token, keys.TypID, &id); err != nil {
		return ID{}, err
	}
	if id.Issuer != i.url {
		return ID{}, ErrForeign
	}
	if err := errors.Join(id.check(), inTime(id.IssuedAt, id.ExpiresAt)); err != nil {
		return ID{}, err
	}
	return id, nil
}

func inTime(issued, expires int64) error {
	now := time.Now()
	if now.After(time.Unix(expires, 0).Add(late)) {
		return ErrExpired
	}
	if time.Unix(issued, 0).After(now.Add(early)) {
		return fmt.Errorf("%w: it is from the future", ErrClaims)
	}
	return nil
}
