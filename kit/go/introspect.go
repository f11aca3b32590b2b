package kit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Introspection asks the issuer about tokens (RFC 7662): about those that are not JWTs, or about all. The issuer must allow the client to
// ask: at Signet, introspected_by of the resource names it.
type Introspection struct {
	// ClientID of the client that asks; it proves itself by its secret, or by a private key with alg and kid (private_key_jwt).
	ClientID, Secret string
	Key              *jose.JSONWebKey
	// Endpoint of the issuer; left out, its discovery document says it.
	Endpoint string
	// Always asks about JWTs, too: a token that was revoked is refused after ten seconds at most, for the price of a call.
	Always bool
	// Signed wants each answer signed by the issuer, and takes no other (RFC 9701): for who does not trust what is between the two.
	Signed bool
}

// How long an answer counts.
const (
	keepActive   = 10 * time.Second
	keepInactive = 5 * time.Second
	oldAnswer    = time.Minute // a signed answer of before is none
)

const signedAnswer = "token-introspection+jwt"

// inform is the answer about a token; a nil token means that it is inactive, or not for us.
type inform struct {
	token *Token
	err   error
}

func (i *Introspection) check() error {
	switch {
	case i == nil:
		return nil
	case i.ClientID == "" || (i.Secret == "") == (i.Key == nil):
		return errors.New("Introspection needs ClientID, and either Secret or Key")
	case i.Key != nil && (i.Key.IsPublic() || !i.Key.Valid() || !slices.Contains(allAlgorithms, i.Key.Algorithm)):
		return errors.New("Introspection.Key must be a private key with alg")
	case i.Endpoint != "" && !safe(i.Endpoint):
		return fmt.Errorf("Introspection.Endpoint %q must be an https URL", i.Endpoint)
	}
	return nil
}

// introspected asks about a token where that is needed: always if the answer is wanted, else as the options say.
func (a *API) introspected(ctx context.Context, sent credentials, into **Token) error {
	if a.o.Introspection == nil || into == nil && !a.o.Introspection.Always {
		return nil
	}
	known, ok := a.asked.at(sent.hash)
	if !ok {
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		c, err := a.ask(ctx, sent.token)
		if err != nil {
			return fmt.Errorf("%w: introspection: %w", ErrUnavailable, err)
		}
		known = &inform{}
		until := time.Now().Add(keepInactive)
		if known.token, known.err = a.answered(c); known.err == nil {
			until = time.Now().Add(keepActive)
			if e := known.token.Expires; !e.IsZero() && e.Before(until) {
				until = e
			}
		}
		a.asked.set(sent.hash, known, until)
	}
	if into != nil {
		*into = known.token
	}
	return known.err
}

// ask gives the body of the endpoint's answer.
func (a *API) ask(ctx context.Context, token string) ([]byte, error) {
	endpoint := a.o.Introspection.Endpoint
	if endpoint == "" {
		d, err := a.keys.source.discover(ctx)
		if err != nil {
			return nil, err
		}
		if endpoint = d.Introspection; !safe(endpoint) {
			return nil, errors.New("the issuer has no introspection endpoint")
		}
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if a.o.Introspection.Key != nil {
		assertion, err := a.assertion()
		if err != nil {
			return nil, err
		}
		form.Set("client_id", a.o.Introspection.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if a.o.Introspection.Signed {
		req.Header.Set("Accept", "application/"+signedAnswer)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.o.Introspection.Key == nil {
		req.SetBasicAuth(url.QueryEscape(a.o.Introspection.ClientID), url.QueryEscape(a.o.Introspection.Secret)) // RFC 6749 section 2.3.1
	}
	raw, err := a.keys.source.do(req)
	if err != nil || !a.o.Introspection.Signed {
		return raw, err
	}
	return a.unsigned(ctx, strings.TrimSpace(string(raw)))
}

// unsigned gives the answer that is in a signed one (RFC 9701 section 5): of the issuer, for this client, and of now.
func (a *API) unsigned(ctx context.Context, sent string) ([]byte, error) {
	payload, err := a.opened(ctx, sent, signedAnswer)
	if err != nil { // whatever is wrong with it, nothing is wrong with the token
		return nil, fmt.Errorf("the signed answer: %s", err.Error())
	}
	var c struct {
		Issuer        string          `json:"iss"`
		Audience      audience        `json:"aud"`
		IssuedAt      *moment         `json:"iat"`
		Introspection json.RawMessage `json:"token_introspection"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	switch age := time.Since(c.IssuedAt.time()); {
	case c.Issuer != a.issuer || !slices.Contains(c.Audience, a.o.Introspection.ClientID):
		return nil, fmt.Errorf("the signed answer is of %.200q for %.200q", c.Issuer, []string(c.Audience))
	case c.IssuedAt == nil || age > oldAnswer+a.o.Past || age < -a.o.Ahead:
		return nil, errors.New("the signed answer is not of now")
	}
	return c.Introspection, nil
}

// assertion proves the client by its key (RFC 7523 section 2.2), for the issuer and for a minute.
func (a *API) assertion() (string, error) {
	i := a.o.Introspection
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(i.Key.Algorithm), Key: i.Key},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{"iss": i.ClientID, "sub": i.ClientID, "aud": a.issuer, "jti": rand.Text(), "iat": now,
		"exp": now + 60})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// answered judges an answer as the claims of a token. One without token_type is about a refresh token.
func (a *API) answered(raw []byte) (*Token, error) {
	var says struct {
		Active bool   `json:"active"`
		Type   string `json:"token_type"`
	}
	if err := json.Unmarshal(raw, &says); err != nil {
		return nil, fmt.Errorf("%w: introspection: %w", ErrUnavailable, err)
	}
	if !says.Active {
		return nil, ErrInactive
	}
	c, t, err := parse(raw)
	switch {
	case err != nil:
		return nil, err
	case says.Type == "":
		return nil, fmt.Errorf("%w: a refresh token", ErrType)
	case c.Issuer != "" && c.Issuer != a.issuer:
		return nil, fmt.Errorf("%w: %.200q", ErrIssuer, c.Issuer)
	case !a.isFor(t.Audience):
		return nil, fmt.Errorf("%w: %.200q", ErrAudience, t.Audience)
	case a.ended(t):
		return nil, ErrExpired
	}
	return t, nil
}
