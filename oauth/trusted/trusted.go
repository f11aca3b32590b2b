package trusted

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/clientjwt"
)

// Bounds of an assertion.
const (
	maxAssertion = 16 << 10
	maxName      = 512 // of sub, jti
	skew         = 30 * time.Second
	expGrace     = 10 * time.Second
	usualLongest = 10 * time.Minute
)

// ErrRefused: the assertion is not one that the client may use now. The text says why, for the log.
var ErrRefused = errors.New("assertion refused")

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }

// Issuer is one that is trusted, and for what.
type Issuer struct {
	Issuer    string              // iss, exactly
	JWKS      *jose.JSONWebKeySet // its public keys, or
	JWKSURI   string              // where they are; neither: where its discovery document says
	Audiences []string            // aud is one of these; empty = the server's issuer
	Clients   []string            // that may present its assertions
	Upstream  string              // the people meant are those who linked it; "" = none
	Subjects  map[string]string   // people by sub; wins over links
	Scopes    []string            // that the tokens may have
	Resources []string            // that they may be for; empty = whatever the scopes belong to
	Longest   time.Duration       // how far ahead exp may be; 0 = ten minutes
	Access    time.Duration       // life of the tokens; 0 = as the client's others
	Reusable  bool                // an assertion may be presented again until it ends
}

// Keys finds public keys; *keyset.Cache.
type Keys interface {
	clientjwt.Keys
	OfIssuer(ctx context.Context, issuer string, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error)
}

// Verifier knows whom to trust. It is safe for concurrent use.
type Verifier struct {
	Issuers []Issuer
	Self    string // this server's issuer
	Keys    Keys
	IDJAG   bool // identity assertion authorization grants are taken, too
}

// Assertion is a verified one.
type Assertion struct {
	From     *Issuer
	Subject  string
	Once     string    // names it among those of all issuers, for the note that it was used; "" = it may be used again
	Expires  time.Time // … until when that is kept
	Ends     time.Time // its exp, without the seconds that another clock is spared
	AuthTime time.Time // when the person signed in there; zero = it does not say
	JKT      string    // the key that whoever presents it must prove; "" = none (RFC 7800 section 3)
	Limits   Limits    // to what the issuer is trusted with
	Act      bool      // it says that somebody acts for its subject (RFC 8693 section 4.1)
	MayAct   json.RawMessage
}

// claims are those that are read (RFC 7523 section 3).
type claims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	ExpiresAt *float64        `json:"exp"`
	NotBefore *float64        `json:"nbf"`
	IssuedAt  *float64        `json:"iat"`
	AuthTime  *float64        `json:"auth_time"`
	ID        string          `json:"jti"`
	Act       json.RawMessage `json:"act"`
	MayAct    json.RawMessage `json:"may_act"`
	Cnf       *struct {
		JKT string `json:"jkt"`
		X5T string `json:"x5t#S256"`
	} `json:"cnf"`
}

// Verify judges an assertion that the client presents. Errors are ErrRefused.
func (v *Verifier) Verify(ctx context.Context, assertion, client string, now time.Time) (a Assertion, err error) {
	if len(assertion) > maxAssertion {
		return a, refuse("it is too long")
	}
	jws, err := clientjwt.ParseIssued(assertion, v.types()...)
	if err != nil {
		return a, refuse(err.Error())
	}
	from := v.issuer(assertion)
	switch {
	case from == nil:
		return a, refuse("its iss is none of trusted_issuers")
	case !slices.Contains(from.Clients, client):
		return a, refuse("the client is none of the issuer's clients")
	}
	keys, err := v.keys(ctx, jws, from)
	if err != nil {
		return a, refuse(err.Error())
	}
	payload, err := jws.Open(keys, "")
	if err != nil {
		return a, refuse(err.Error())
	}
	var c claims
	if err := clientjwt.Claims(payload, &c); err != nil {
		return a, refuse("its claims are malformed")
	}
	if a, err = v.judge(c, from, now); err != nil {
		return a, err
	}
	return v.idJAG(jws, payload, client, a)
}

// Names reports whose assertion a token says that it is, if that is an issuer which is trusted; nothing of it is verified. "" = nobody's,
// or v is nil.
func (v *Verifier) Names(token string) string {
	if v == nil || len(token) > maxAssertion {
		return ""
	}
	if from := v.issuer(token); from != nil {
		return from.Issuer
	}
	return ""
}

// Plain is the verifier without identity assertion authorization grants.
func (v *Verifier) Plain() *Verifier {
	return &Verifier{Issuers: v.Issuers, Self: v.Self, Keys: v.Keys}
}

// issuer is whose keys shall verify the assertion; nil = nobody's.
func (v *Verifier) issuer(assertion string) *Issuer {
	_, rest, _ := strings.Cut(assertion, ".")
	part, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	var c struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return nil
	}
	for i := range v.Issuers {
		if v.Issuers[i].Issuer == c.Issuer {
			return &v.Issuers[i]
		}
	}
	return nil
}

func (v *Verifier) keys(ctx context.Context, jws clientjwt.JWT, from *Issuer) ([]jose.JSONWebKey, error) {
	switch {
	case from.JWKS != nil:
		return from.JWKS.Keys, nil
	case v.Keys == nil:
		return nil, errors.New("no keys are asked for here")
	case from.JWKSURI == "":
		return v.Keys.OfIssuer(ctx, from.Issuer, jws.Fits)
	}
	return v.Keys.Keys(ctx, &clients.Client{
		Metadata: clients.Metadata{ClientID: "assertions " + from.Issuer, JWKSURI: from.JWKSURI}}, jws.Fits)
}

// judge checks the claims of an assertion that the issuer signed.
func (v *Verifier) judge(c claims, from *Issuer, now time.Time) (a Assertion, err error) {
	audiences := from.Audiences
	if len(audiences) == 0 {
		audiences = []string{v.Self}
	}
	audience, one := single(c.Audience)
	switch {
	case c.Issuer != from.Issuer: // the payload that was verified, not the one that was looked into
		return a, refuse("iss")
	case c.Subject == "" || len(c.Subject) > maxName:
		return a, refuse("sub is missing, or too long")
	case !one || !slices.Contains(audiences, audience):
		return a, refuse("aud must be this server alone")
	case c.ExpiresAt == nil:
		return a, refuse("exp is missing")
	case len(c.ID) > maxName || c.ID == "" && !from.Reusable:
		return a, refuse("jti is missing, or too long")
	}
	if a.Expires, err = inTime(c, cmp.Or(from.Longest, usualLongest), now); err != nil {
		return a, err
	}
	if c.Cnf != nil {
		if c.Cnf.JKT == "" || c.Cnf.X5T != "" {
			return a, refuse("cnf names something else than a key by jkt")
		}
		a.JKT = c.Cnf.JKT
	}
	if c.AuthTime != nil && seconds(*c.AuthTime).Before(now) {
		a.AuthTime = seconds(*c.AuthTime)
	}
	if !from.Reusable {
		sum := sha256.Sum256([]byte(from.Issuer + "\x00" + c.ID))
		a.Once = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	a.From, a.Subject, a.Ends, a.Expires = from, c.Subject, a.Expires, a.Expires.Add(expGrace)
	a.Act, a.MayAct = len(c.Act) > 0, c.MayAct
	return a, nil
}

// inTime gives the end of an assertion that is good now.
func inTime(c claims, longest time.Duration, now time.Time) (time.Time, error) {
	expires := seconds(*c.ExpiresAt)
	switch {
	case !now.Before(expires.Add(expGrace)):
		return expires, refuse("expired")
	case expires.Sub(now) > longest+skew:
		return expires, refuse("exp is too far ahead")
	case c.NotBefore != nil && seconds(*c.NotBefore).Sub(now) > skew, c.IssuedAt != nil && seconds(*c.IssuedAt).Sub(now) > skew:
		return expires, refuse("it is not valid yet")
	}
	return expires, nil
}

// single is the only audience, as a text or as a list of one.
func single(raw json.RawMessage) (string, bool) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one, one != ""
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return "", false
	}
	return list[0], list[0] != ""
}

// seconds bounds the number first: a float beyond the range would wrap.
func seconds(f float64) time.Time {
	return time.Unix(int64(max(-1e11, min(1e11, f))), 0)
}

// Outside is the iss of an assertion as the log may have it; nothing of it was verified.
func Outside(assertion string) string {
	if len(assertion) > maxAssertion {
		return ""
	}
	_, rest, _ := strings.Cut(assertion, ".")
	part, _, _ := strings.Cut(rest, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(part)
	var c struct {
		Issuer string `json:"iss"`
	}
	_ = json.Unmarshal(raw, &c)
	return telemetry.Outside(c.Issuer)
}
