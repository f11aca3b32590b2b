package kit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// Token is an access token that was verified. Do not change it: requests share it.
type Token struct {
	Issuer   string
	Subject  string // the person, or the client itself where nobody signed in
	ClientID string
	Audience []string
	Scopes   []string
	ID       string // jti
	GrantID  string // Signet's name of the grant; "" = none
	Issued   time.Time
	Expires  time.Time // zero: an introspection endpoint did not say

	SignedIn time.Time // auth_time; zero = the token does not say
	ACR      string    // how the person signed in: the class
	AMR      []string  // and the methods
	Groups   []string
	Roles    []string

	// Actors are who acts for the subject, the present one first (RFC 8693 section 4.1). Only this one's rights matter.
	Actors []Actor

	// CallLimit is how often the agent that acts may call, as [API.Require] and [API.Verify] count.
	CallLimit CallLimit

	JKT string // thumbprint of the key that the token is bound to, by DPoP; "" = none
	X5T string // thumbprint of the certificate that it is bound to; "" = none

	payload []byte
	places  []place // in status lists
}

// Actor is somebody who acts for the subject of a token.
type Actor struct{ Issuer, Subject, ClientID string }

// Has reports whether the token has the scope. Options.Implies does not matter here.
func (t *Token) Has(scope string) bool { return slices.Contains(t.Scopes, scope) }

// Claim reads a claim into what is pointed to, as encoding/json does; it reports whether the token has it. Names are
// compared letter by letter.
func (t *Token) Claim(name string, into any) (bool, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(t.payload, &all); err != nil {
		return false, err
	}
	raw, ok := all[name]
	if !ok {
		return false, nil
	}
	return true, json.Unmarshal(raw, into)
}

// claims are read of a token, or of the answer of an introspection endpoint.
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope"`
	JTI       string   `json:"jti"`
	IssuedAt  *moment  `json:"iat"`
	NotBefore *moment  `json:"nbf"`
	Expires   *moment  `json:"exp"`
	AuthTime  *moment  `json:"auth_time"`
	ACR       string   `json:"acr"`
	AMR       []string `json:"amr"`
	Groups    []string `json:"groups"`
	Roles     []string `json:"roles"`
	GrantID   string   `json:"grant_id"`
	Act       *actor   `json:"act"`

	Cnf json.RawMessage `json:"cnf"`

	CallLimit json.RawMessage `json:"call_limit"`

	Status    json.RawMessage   `json:"status"`
	ActStatus []json.RawMessage `json:"act_status"`
}

// actor is the claim act.
type actor struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Act      *actor `json:"act"`
}

// audience is aud: a string, or a list of strings.
type audience []string

func (a *audience) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		one, err := text(raw)
		*a = audience{one}
		return err
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// text reads a string of JSON, which is one by now: almost always it needs no decoding.
func text(raw []byte) (s string, err error) {
	if n := len(raw); n > 1 && raw[0] == '"' && raw[n-1] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : n-1]), nil
	}
	err = json.Unmarshal(raw, &s)
	return s, err
}

// moment is a NumericDate (RFC 7519 section 2).
type moment float64

func (m *moment) UnmarshalJSON(raw []byte) error {
	f, err := strconv.ParseFloat(string(raw), 64) // it is JSON by now, so only a number is one
	if err != nil {
		return errors.New("a time that is no number")
	}
	if math.Abs(f) > 1<<53 {
		return errors.New("a time that no clock shows")
	}
	*m = moment(f)
	return nil
}

func (m *moment) time() time.Time {
	if m == nil {
		return time.Time{}
	}
	return time.Unix(int64(*m), 0)
}

// words are those of a list that spaces part (RFC 6749 section 3.3); no other space of Unicode does.
func words(list string) []string {
	return slices.DeleteFunc(strings.Split(list, " "), func(word string) bool { return word == "" })
}

// parse reads claims strictly: a name that comes twice, or a value of another type, makes the token malformed.
func parse(raw []byte) (*claims, *Token, error) {
	t := &Token{payload: raw}
	c := &claims{}
	if !c.plainly(raw) {
		c = &claims{}
		if err := json.Unmarshal(raw, c); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	t.Issuer, t.Subject, t.ClientID, t.Audience = c.Issuer, c.Subject, c.ClientID, c.Audience
	t.Scopes, t.ID, t.GrantID = words(c.Scope), c.JTI, c.GrantID
	t.Issued, t.Expires, t.SignedIn = c.IssuedAt.time(), c.Expires.time(), c.AuthTime.time()
	t.ACR, t.AMR, t.Groups, t.Roles = c.ACR, c.AMR, c.Groups, c.Roles
	for act := c.Act; act != nil; act = act.Act {
		t.Actors = append(t.Actors, Actor{act.Issuer, act.Subject, act.ClientID})
	}
	return c, t, errors.Join(t.limit(c.CallLimit), t.confirm(c.Cnf))
}

// confirm reads cnf (RFC 7800). Of a way to confirm that we do not know, nobody can say that it was confirmed.
func (t *Token) confirm(cnf json.RawMessage) error {
	if cnf == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(cnf, &members); err != nil {
		return fmt.Errorf("%w: cnf: %w", ErrMalformed, err)
	}
	if len(members) == 0 {
		return fmt.Errorf("%w: cnf is empty", ErrBinding)
	}
	for name, raw := range members {
		says, err := text(raw)
		switch name {
		case "jkt":
			t.JKT = says
		case "x5t#S256":
			t.X5T = says
		default:
			return fmt.Errorf("%w: cnf has %.64q", ErrBinding, name)
		}
		if err != nil || says == "" {
			return fmt.Errorf("%w: %s of cnf is no text", ErrMalformed, name)
		}
	}
	return nil
}
