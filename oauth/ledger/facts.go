package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/refusal"
	"signet/storage"
)

// Facts are what a grant row keeps beside its columns, in grants.data: what the authorization request said that the
// exchange must know, and the lifetimes that held then.
type Facts struct {
	Version       int    `json:"v,omitempty"` // of these facts, first in the row (see Readable); 0 = written before there were versions
	Nonce         string `json:"nonce,omitempty"`
	RedirectURI   string `json:"redirect_uri,omitempty"`   // as sent; the exchange repeats it (RFC 6749 section 4.1.3)
	RedirectUsed  string `json:"redirect_used,omitempty"`  // where the code went, if none was sent
	CodeChallenge string `json:"code_challenge,omitempty"` // S256, the only method (RFC 7636 section 4.2)
	Claims        string `json:"claims,omitempty"`         // claims parameter (OpenID Connect Core section 5.5), see GrantedClaims
	ClaimsGranted bool   `json:"claims_granted,omitempty"` // Claims is what the person granted; else as sent, by a release before
	// JKT is the thumbprint of the key that the code, and a public client's refresh tokens, are bound to (RFC 9449 sections 5 and 10).
	JKT string `json:"jkt,omitempty"`
	// X5T is the thumbprint of the certificate that a public client's refresh tokens are bound to (RFC 8705 section 4).
	X5T string `json:"x5t,omitempty"`
	// Kind is how the row's code came to its client: KindDevice, KindCIBA, or "" through a browser. What is of one kind cannot be fetched
	// as another.
	Kind string `json:"kind,omitempty"`
	// Details are the authorization details that the person allowed (RFC 9396), as package details writes them.
	Details string `json:"authorization_details,omitempty"`
	// Agent: the grant is of an agent, and stands on what the person agreed to with it (storage.Consent).
	Agent   bool   `json:"agent,omitempty"`
	LeftOut string `json:"left_out,omitempty"` // scopes asked for at authorize that the person did not allow, separated by spaces
	Access  int64  `json:"access,omitempty"`   // life of an access token, seconds
	Idle    int64  `json:"idle,omitempty"`     // life of an unused refresh token, seconds
}

// factsVersion is the version of the facts that this release writes, and the newest that it reads. A fact that decides who may use a
// grant gets a new version; one that a release may leave out without harm does not.
const factsVersion = agentVersion

// What is written is the oldest of these that knows all facts there are: a replica of the release before reads it, if it can.
const (
	plainVersion       = 1
	keyVersion         = 2 // has JKT
	certificateVersion = 3 // has X5T
	deviceVersion      = 4 // has Kind
	detailsVersion     = 5 // has Details: without them a token could say less of what it is not for
	agentVersion       = 6 // has Agent: what was agreed with it holds for each token
)

// The Facts.Kind of grants that are fetched with the code that was asked with.
const (
	KindDevice = "device" // by a device (RFC 8628)
	KindCIBA   = "ciba"   // by an app that named the person (CIBA Core)
)

// ErrNewerFacts: a newer release of Signet made the grant, with facts that this one does not know.
var ErrNewerFacts = errors.New("a newer release made this grant")

// Readable reports whether this release knows all that the row says, by an error that wraps ErrNewerFacts and is answered with 503: a
// replica of the newer release answers the next try. The row is left as it is; it can still be revoked.
func Readable(g storage.Grant) error {
	rest, versioned := bytes.CutPrefix(g.Data, []byte(`{"v":`))
	if !versioned {
		return nil
	}
	digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
	if v, err := strconv.Atoi(string(digits)); err == nil && v <= factsVersion {
		return nil
	}
	return refusal.TemporarilyUnavailable("This replica cannot answer now.").Because(fmt.Errorf("grant %q: %w", g.ID, ErrNewerFacts))
}

// FactsOf reads the facts of a row. The error is that of Readable, or says that the row is damaged.
func FactsOf(g storage.Grant) (Facts, error) {
	var f Facts
	if len(g.Data) == 0 {
		return f, nil
	}
	if err := Readable(g); err != nil {
		return f, err
	}
	if err := json.Unmarshal(g.Data, &f); err != nil {
		return f, fmt.Errorf("read the facts of grant %q: %w", g.ID, err)
	}
	return f, nil
}

// Grant keeps the claims that the person granted beside the scopes: decided once, when the grant is made.
func (f *Facts) Grant(p claims.Param) {
	f.Claims = p.String()
	f.ClaimsGranted = f.Claims != ""
}

// GrantedClaims is what may be released to the client besides the claims of the granted scopes. Grants of a release that
// kept the parameter as it was sent release no more of it than their scopes do. A registration that became narrower since
// takes away, one that became wider adds nothing.
func (f Facts) GrantedClaims(scopes []string, c *clients.Client) (claims.Param, error) {
	if f.Claims == "" {
		return claims.Param{}, nil
	}
	p, err := claims.ParseParam(f.Claims)
	if err != nil {
		return claims.Param{}, fmt.Errorf("read the granted claims: %w", err)
	}
	if !f.ClaimsGranted {
		p = p.Within(scopes)
	}
	return p.Within(c.Scopes()), nil
}

// ClaimsOf are the GrantedClaims of a row. Most rows have none, which shows without reading the other facts: in JSON that we
// wrote, a quote inside a text is escaped.
func ClaimsOf(g storage.Grant, c *clients.Client) (claims.Param, error) {
	if err := Readable(g); err != nil || !bytes.Contains(g.Data, []byte(`"claims":`)) {
		return claims.Param{}, err
	}
	f, err := FactsOf(g)
	if err != nil {
		return claims.Param{}, err
	}
	return f.GrantedClaims(g.Scopes, c)
}

// Put writes them into a row that is not stored yet.
func (f Facts) Put(g *storage.Grant) error {
	switch {
	case f.Agent:
		f.Version = agentVersion
	case f.Details != "":
		f.Version = detailsVersion
	case f.Kind != "":
		f.Version = deviceVersion
	case f.X5T != "":
		f.Version = certificateVersion
	case f.JKT != "":
		f.Version = keyVersion
	default:
		f.Version = plainVersion
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write the facts of a grant: %w", err)
	}
	g.Data = raw
	return nil
}

// form is the part of the authorization request that fosite's handlers look up: the token endpoint's PKCE and code handlers compare the
// token request with it. Where the client must send a redirect_uri, or has sent one, it is there to be compared.
func (f Facts) form(sent url.Values) url.Values {
	form := make(url.Values, 3)
	if want := f.redirect(sent); want != "" {
		form["redirect_uri"] = []string{want}
	}
	if f.CodeChallenge != "" {
		form["code_challenge"] = []string{f.CodeChallenge}
		form["code_challenge_method"] = s256
	}
	return form
}

var s256 = []string{"S256"} // read only

// redirect is the redirect_uri that a token request must have; "" = none, or any. One that is there must be the one that the code went
// to. It may be left out where none was sent to the authorization endpoint (RFC 6749 section 4.1.3), and where a verifier proves what the
// redirect_uri was to prove (OAuth 2.1 section 10.2).
func (f Facts) redirect(sent url.Values) string {
	if sent.Get("redirect_uri") != "" {
		return cmp.Or(f.RedirectURI, f.RedirectUsed)
	}
	if f.CodeChallenge != "" {
		return ""
	}
	return f.RedirectURI
}

// bound reports whether a token request proves to come from whoever made the authorization request: the verifier fits the
// challenge (both absent counts) and redirect_uri is the right one. The client is compared by the caller.
func (f Facts) bound(form url.Values) bool {
	verifier := form.Get("code_verifier")
	if f.CodeChallenge == "" {
		if verifier != "" {
			return false
		}
	} else if sum := sha256.Sum256([]byte(verifier)); subtle.ConstantTimeCompare(
		[]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(f.CodeChallenge)) != 1 {
		return false
	}
	want := f.redirect(form)
	return want == "" || want == form.Get("redirect_uri")
}

// WrongRedirect gives the redirect_uri that a token request sent ("" = none) and the one that the code went to, where they differ and must
// not (RFC 6749 section 4.1.3).
func (req *Request) WrongRedirect() (sent, used string, wrong bool) {
	if req.GrantType != clients.AuthorizationCode || req.State == nil {
		return "", "", false
	}
	sent, used = req.Form.Get("redirect_uri"), req.Facts.redirect(req.Form)
	return sent, used, used != "" && used != sent
}

// HashCode is how a code is kept and looked up: base64url(SHA-256(code)).
func HashCode(code string) string {
	sum := sha256.Sum256([]byte(code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Lifetimes are how long things live.
type Lifetimes struct {
	Code     time.Duration // authorization code (RFC 6749 section 4.1.2)
	Access   time.Duration // access token
	ID       time.Duration // ID token
	Idle     time.Duration // refresh token that is not used
	Absolute time.Duration // grant, however often it is refreshed
	Grace    time.Duration // see Decide
}
