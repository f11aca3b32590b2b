package tokens

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Audience is the aud claim: written as a string when it is one, else as an array; both are read (RFC 7519 section 4.1.3).
type Audience []string

// MarshalJSON writes a string or an array.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads a string or an array.
func (a *Audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*a = Audience{""}
		return json.Unmarshal(b, &(*a)[0])
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// Access is the claims of an access token (RFC 9068 section 2.2), times in seconds. Issuer is set by SignAccess.
type Access struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  Audience        `json:"aud"`
	ClientID  string          `json:"client_id"`
	Scope     string          `json:"scope,omitempty"` // space separated
	IssuedAt  int64           `json:"iat"`
	ExpiresAt int64           `json:"exp"`
	JTI       string          `json:"jti"`
	AuthTime  int64           `json:"auth_time,omitempty"`
	ACR       string          `json:"acr,omitempty"`
	AMR       []string        `json:"amr,omitempty"`
	Cnf       json.RawMessage `json:"cnf,omitempty"`     // RFC 7800
	Act       json.RawMessage `json:"act,omitempty"`     // RFC 8693 section 4.1
	MayAct    json.RawMessage `json:"may_act,omitempty"` // RFC 8693 section 4.4
	// CallLimit is how often an API takes calls of the agent that acts; nil = as often as it comes.
	CallLimit *CallLimit `json:"call_limit,omitempty"`
	Groups    []string   `json:"groups,omitempty"` // RFC 9068 section 2.2.3.1, RFC 7643 section 4.1.2
	Roles     []string   `json:"roles,omitempty"`
	// Details are what it allows in particular (RFC 9396 section 9.1).
	Details json.RawMessage `json:"authorization_details,omitempty"`
	GrantID string          `json:"grant_id,omitempty"` // "" = no grant row (client credentials)
	// Status says where to look whether it was revoked (Token Status List section 6.2).
	Status json.RawMessage `json:"status,omitempty"`
	// ActStatus is the same of those who act in it.
	ActStatus []json.RawMessage `json:"act_status,omitempty"`
	// Extra are claims of the client's own map; they never replace one of the above but groups and roles. They are written, not read.
	Extra map[string]any `json:"-"`
}

// CallLimit is how many calls an API takes of one agent for one person, in so many seconds.
type CallLimit struct {
	Calls   int64 `json:"calls"`
	Seconds int64 `json:"seconds"`
}

// CallsADay is the limit of so many a day; nil: there is none.
func CallsADay(n int64) *CallLimit {
	if n <= 0 {
		return nil
	}
	return &CallLimit{n, 24 * 60 * 60}
}

// JKT is the thumbprint of the key that the token is bound to (cnf.jkt, RFC 9449 section 6.1); "" = none.
func (a *Access) JKT() string {
	jkt, _ := a.Bound()
	return jkt
}

// Bound are the thumbprints of the key and of the certificate (cnf["x5t#S256"], RFC 8705 section 3.1) that the token is bound to; "" = to
// none.
func (a *Access) Bound() (jkt, x5t string) {
	if len(a.Cnf) == 0 {
		return "", ""
	}
	var cnf struct {
		JKT string `json:"jkt"`
		X5T string `json:"x5t#S256"`
	}
	_ = json.Unmarshal(a.Cnf, &cnf) // it was signed by us
	return cnf.JKT, cnf.X5T
}

// TokenType is the scheme that the token is used with: DPoP where it is bound to a key, else Bearer.
func (a *Access) TokenType() string {
	if a.JKT() != "" {
		return "DPoP"
	}
	return "Bearer"
}

func (a *Access) check() error {
	return required("access token", a.Subject != "", a.ClientID != "", a.JTI != "", len(a.Audience) > 0,
		a.IssuedAt > 0, a.ExpiresAt > 0)
}

// Refresh is the claims of a refresh token, all of them from the grant row, so that signing again gives the same token.
// Issuer and Audience are set by SignRefresh.
type Refresh struct {
	Issuer     string `json:"iss"`
	Audience   string `json:"aud"`
	ClientID   string `json:"client_id"`
	GrantID    string `json:"grant_id"`
	Generation int64  `json:"gen"`
	IssuedAt   int64  `json:"iat"` // rotated_at, seconds
	ExpiresAt  int64  `json:"exp"` // ends_at, seconds
}

func (r *Refresh) check() error {
	return required("refresh token", r.ClientID != "", r.GrantID != "", r.Generation > 0, r.IssuedAt > 0, r.ExpiresAt > 0)
}

// ID is the claims of an ID token (OpenID Connect Core section 2), times in seconds. Issuer is set by SignID.
type ID struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        Audience `json:"aud"`
	ExpiresAt       int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	AuthorizedParty string   `json:"azp,omitempty"`
	SessionID       string   `json:"sid,omitempty"`
	GrantID         string   `json:"grant_id,omitempty"` // for clients that exchange it
	AccessTokenHash string   `json:"at_hash,omitempty"`  // Hash of the access token
	CodeHash        string   `json:"c_hash,omitempty"`   // Hash of the code
	// Extra are claims about the person (package claims); they never replace one of the above.
	Extra map[string]any `json:"-"`
}

func (id *ID) check() error {
	return required("ID token", id.Subject != "", len(id.Audience) > 0, id.IssuedAt > 0, id.ExpiresAt > 0)
}

// logoutEvent is the one event of a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout is the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4), times in seconds. Issuer and Events are set
// by SignLogout.
type Logout struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub,omitempty"`
	Audience  Audience            `json:"aud"`
	IssuedAt  int64               `json:"iat"`
	ExpiresAt int64               `json:"exp"`
	JTI       string              `json:"jti"`
	Events    map[string]struct{} `json:"events"`
	SessionID string              `json:"sid,omitempty"`
}

func (l *Logout) check() error {
	return required("logout token", l.Subject != "" || l.SessionID != "", len(l.Audience) > 0, l.IssuedAt > 0, l.ExpiresAt > 0, l.JTI != "")
}

// IDJAG is the claims of an identity assertion authorization grant, for another authorization server
// (draft-ietf-oauth-identity-assertion-authz-grant section 3), times in seconds. Issuer is set by SignIDJAG.
type IDJAG struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  string          `json:"aud"`       // the issuer of that server
	ClientID  string          `json:"client_id"` // what the client is called there
	JTI       string          `json:"jti"`
	IssuedAt  int64           `json:"iat"`
	ExpiresAt int64           `json:"exp"`
	Scope     string          `json:"scope,omitempty"`
	Resource  []string        `json:"resource,omitempty"`
	AuthTime  int64           `json:"auth_time,omitempty"`
	ACR       string          `json:"acr,omitempty"`
	AMR       []string        `json:"amr,omitempty"`
	Email     string          `json:"email,omitempty"`
	Cnf       json.RawMessage `json:"cnf,omitempty"`
}

func (j *IDJAG) check() error {
	return required("ID-JAG", j.Subject != "", j.Audience != "", j.ClientID != "", j.JTI != "", j.IssuedAt > 0, j.ExpiresAt > j.IssuedAt)
}

// protocolClaims are decided by the protocol, never by a person's profile.
var protocolClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash", "c_hash",
	"cnf", "act", "may_act", "events", "authorization_details", "grant_id",
}

// accessClaims are those of an access token beside them.
var accessClaims = []string{"client_id", "scope", "call_limit", "status", "act_status"}

func required(kind string, present ...bool) error {
	for _, p := range present {
		if !p {
			return fmt.Errorf("%w: %s", ErrClaims, kind)
		}
	}
	return nil
}

// Hash is at_hash and c_hash: the left half of the value's hash, by the hash function of alg, the ID token's algorithm
// (OpenID Connect Core section 3.3.2.11). "" for an algorithm without one.
func Hash(alg, value string) string {
	var sum []byte
	switch alg {
	case "ES256", "RS256", "PS256", "HS256":
		s := sha256.Sum256([]byte(value))
		sum = s[:]
	case "ES384", "RS384", "PS384", "HS384":
		s := sha512.Sum384([]byte(value))
		sum = s[:]
	case "ES512", "RS512", "PS512", "HS512", "EdDSA":
		s := sha512.Sum512([]byte(value))
		sum = s[:]
	default:
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
