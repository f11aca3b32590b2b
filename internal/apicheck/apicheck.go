package apicheck

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Finding is what came of one rule.
type Finding struct {
	Rule   string `json:"rule"`
	State  string `json:"state"`          // ok, broken, skipped
	Detail string `json:"detail"`         // what was seen
	Cure   string `json:"cure,omitempty"` // of a broken one
}

// The states of a Finding.
const (
	OK      = "ok"
	Broken  = "broken"
	Skipped = "skipped"
)

// Options of Run.
type Options struct {
	// URL of the API's requests, and the identifier that its tokens have in aud; "" = the same.
	URL, Identifier string
	Token           string // a good one; "" = what needs it is skipped
	Transport       http.RoundTripper
}

// check is one at work.
type check struct {
	o      Options
	target *url.URL
	found  []Finding
	issuer string // that the API's metadata names
}

// Run checks an API. The error is that it cannot be reached at all.
func Run(ctx context.Context, o Options) ([]Finding, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of the web", o.URL)
	}
	if o.Identifier == "" {
		o.Identifier = o.URL
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	c := &check{o: o, target: u}
	first, err := c.ask(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("the API cannot be reached: %w", err)
	}
	c.challenge(first)
	c.metadata(ctx, parameter(first, "resource_metadata"))
	c.forgeries(ctx)
	c.withToken(ctx)
	return c.found, nil
}

// note adds a finding.
func (c *check) note(rule string, good bool, cure, format string, args ...any) {
	f := Finding{Rule: rule, State: OK, Detail: fmt.Sprintf(format, args...)}
	if !good {
		f.State, f.Cure = Broken, cure
	}
	c.found = append(c.found, f)
}

// reply is what is looked at of an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a GET with Authorization headers. Redirects are not followed.
func (c *check) ask(ctx context.Context, address string, authorization ...string) (r reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return r, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Origin", "https://app.example")
	for _, a := range authorization {
		req.Header.Add("Authorization", a)
	}
	res, err := c.o.Transport.RoundTrip(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 256<<10))
	return reply{res.StatusCode, res.Header, body}, err
}

// challenge: a request without a token is told where tokens come from (RFC 6750 section 3, RFC 9728 section 5.1).
func (c *check) challenge(r reply) {
	has := strings.Join(r.header.Values("WWW-Authenticate"), ", ")
	c.note("a request without a token is answered with 401", r.status == http.StatusUnauthorized,
		"require a token before anything else happens", "%d", r.status)
	c.note("… and a challenge", hasScheme(has), "send WWW-Authenticate: Bearer resource_metadata=\"…\"", "%.200q", has)
	c.note("… which is no error, as nobody tried", parameter(r, "error") == "",
		"leave error out where no token was sent (RFC 6750 section 3.1)",
		"%.200q", has)
	c.note("… and leads to the API's metadata", parameter(r, "resource_metadata") != "",
		"add resource_metadata=\"…\" to the challenge: clients find the issuer by it (RFC 9728 section 5.1)", "%.200q", has)
}

func hasScheme(challenge string) bool {
	lower := strings.ToLower(challenge)
	return strings.HasPrefix(lower, "bearer") || strings.HasPrefix(lower, "dpop") || strings.Contains(lower, ", bearer") ||
		strings.Contains(lower, ", dpop")
}

// parameter is one of an answer's challenges.
func parameter(r reply, name string) string {
	for _, line := range r.header.Values("WWW-Authenticate") {
		for _, before := range []string{" ", ","} {
			if _, rest, ok := strings.Cut(line, before+name+`="`); ok {
				value, _, _ := strings.Cut(rest, `"`)
				return value
			}
		}
	}
	return ""
}

// document is what is read of the API's metadata (RFC 9728 section 2).
type document struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Methods  []string `json:"bearer_methods_supported"`
	Scopes   []string `json:"scopes_supported"`
}

// metadata reads the API's document, where the challenge leads and where clients look by themselves.
func (c *check) metadata(ctx context.Context, told string) {
	id, err := url.Parse(c.o.Identifier)
	if err != nil {
		id = c.target
	}
	at := url.URL{Scheme: id.Scheme, Host: id.Host, Path: "/.well-known/oauth-protected-resource" + strings.TrimSuffix(id.Path, "/"),
		RawQuery: id.RawQuery}
	if told == "" {
		told = at.String()
	}
	r, err := c.ask(ctx, told)
	var d document
	good := err == nil && r.status == http.StatusOK && json.Unmarshal(r.body, &d) == nil
	c.note("the API's metadata can be read", good, "serve the document of RFC 9728 there, as JSON with 200", "%s: %s", told, seen(r, err))
	if !good {
		return
	}
	c.note("… and is at the address of the identifier", told == at.String(),
		"serve it at "+at.String()+": clients look there, and refuse another resource (RFC 9728 section 3.3)", "%s", told)
	c.note("… and is about this resource", d.Resource == c.o.Identifier, "resource has to be "+c.o.Identifier+", letter by letter",
		"resource is %q", d.Resource)
	c.note("… and names an issuer", len(d.Servers) > 0, "add authorization_servers", "%q", d.Servers)
	c.note("… and takes tokens in the header alone", slices.Equal(d.Methods, []string{"header"}),
		"bearer_methods_supported: [\"header\"]; URLs are written into logs", "%q", d.Methods)
	c.note("… and asks for no offline_access", !slices.Contains(d.Scopes, "offline_access"),
		"leave it out of scopes_supported: it is between the app and the issuer", "%q", d.Scopes)
	c.note("… and scripts may read it", r.header.Get("Access-Control-Allow-Origin") == "*", "send Access-Control-Allow-Origin: *", "%q",
		r.header.Get("Access-Control-Allow-Origin"))
	if len(d.Servers) > 0 {
		c.issuer = d.Servers[0]
	}
}

// seen is what came back, in a word.
func seen(r reply, err error) string {
	if err != nil {
		return "no answer: " + err.Error()
	}
	return strconv.Itoa(r.status)
}

// refused sends what has to be refused, with one of the given statuses.
func (c *check) refused(ctx context.Context, rule, cure, address string, statuses []int, authorization ...string) reply {
	r, err := c.ask(ctx, address, authorization...)
	c.note(rule, err == nil && slices.Contains(statuses, r.status), cure, "%s", seen(r, err))
	return r
}

// forgeries are tokens that anybody can make.
func (c *check) forgeries(ctx context.Context) {
	here, no, bad := c.target.String(), []int{http.StatusUnauthorized}, []int{http.StatusUnauthorized, http.StatusBadRequest}
	r := c.refused(ctx, "what is no token is refused", "answer 401 invalid_token", here, no, "Bearer not-a-token")
	c.note("… with error=\"invalid_token\"", parameter(r, "error") == "invalid_token",
		"say it in the challenge, so that clients get a new token (RFC 6750 section 3.1)", "%.200q", r.header.Values("WWW-Authenticate"))
	c.refused(ctx, "another scheme is no token", "take Bearer and DPoP alone", here, no, "Basic YTpi")
	c.refused(ctx, "an unsigned token is refused", "allow a list of algorithms, without none", here, no, "Bearer "+c.forged("none", nil))
	c.refused(ctx, "a MAC is refused", "allow no HS algorithm: its key would be the public one", here, no, "Bearer "+c.forged("HS256", nil))
	c.refused(ctx, "a key that the issuer does not have is refused", "take keys from the issuer's set alone", here, no,
		"Bearer "+c.forged("ES256", map[string]any{"kid": "made-up"}))
	c.refused(ctx, "a key in the token's own header is refused", "never use jwk, jku, x5c or x5u", here, no,
		"Bearer "+c.forged("ES256", map[string]any{"kid": "made-up", "jwk": true}))
	c.refused(ctx, "two Authorization headers are refused", "refuse with 400: a proxy may have looked at the other one", here, bad,
		"Bearer not-a-token", "Bearer not-a-token-either")
	c.refused(ctx, "a token of 20 KiB is refused", "bound what is read", here, append(bad, http.StatusRequestHeaderFieldsTooLarge),
		"Bearer "+strings.Repeat("a", 20<<10))
}

// forged is a token that anybody can make for the API.
func (c *check) forged(alg string, more map[string]any) string {
	head, now := map[string]any{"alg": alg, "typ": "at+jwt"}, time.Now().Unix()
	maps.Copy(head, more)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	if head["jwk"] != nil {
		point, err := key.PublicKey.Bytes()
		if err != nil {
			return ""
		}
		head["jwk"] = map[string]any{"kty": "EC", "crv": "P-256", "kid": "made-up", "x": b64(point[1:33]), "y": b64(point[33:])}
	}
	claims := map[string]any{"iss": c.issuer, "sub": "signet-resource-check", "client_id": "signet-resource-check", "aud": c.o.Identifier,
		"iat": now, "exp": now + 60, "jti": rand.Text()}
	input := b64(encode(head)) + "." + b64(encode(claims))
	switch alg {
	case "HS256":
		h := hmac.New(sha256.New, []byte("signet-resource-check"))
		h.Write([]byte(input))
		return input + "." + b64(h.Sum(nil))
	case "ES256":
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return ""
		}
		return input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	return input + "."
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // of texts and numbers alone
	}
	return raw
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// errNoJWT: the token cannot be changed in a part.
var errNoJWT = errors.New("the token is not a JWT")

// withToken sends a good token as it is, and spoilt in ways that have to be seen.
func (c *check) withToken(ctx context.Context) {
	const rule = "a good token is taken, and spoilt ones are refused"
	if c.o.Token == "" {
		c.found = append(c.found, Finding{Rule: rule, State: Skipped, Detail: "no token was given: --token-file"})
		return
	}
	here, no := c.target.String(), []int{http.StatusUnauthorized}
	r, err := c.ask(ctx, here, "Bearer "+c.o.Token)
	taken := err == nil && r.status != http.StatusUnauthorized && r.status < 500
	c.note("a good token is taken", taken, "see why: docs/resource-servers.md; a token that is bound to a key is not good as Bearer",
		"%s", seen(r, err))
	if !taken {
		return
	}
	parts := strings.Split(c.o.Token, ".")
	if len(parts) != 3 {
		c.found = append(c.found, Finding{Rule: rule, State: Skipped, Detail: errNoJWT.Error()})
		return
	}
	c.refused(ctx, "a token without its signature is refused", "verify signatures", here, no, "Bearer "+parts[0]+"."+parts[1]+".")
	c.refused(ctx, "a changed signature is refused", "verify signatures", here, no, "Bearer "+parts[0]+"."+parts[1]+"."+flipped(parts[2]))
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	var members map[string]any
	if err == nil && json.Unmarshal(claims, &members) == nil {
		members["sub"] = "signet-resource-check"
		c.refused(ctx, "changed claims are refused", "verify signatures", here, no, "Bearer "+parts[0]+"."+b64(encode(members))+"."+parts[2])
	}
	c.refused(ctx, "a token that is bound to nothing is refused as DPoP", "compare the scheme with cnf (RFC 9449 section 7.1)", here,
		[]int{http.StatusUnauthorized, http.StatusBadRequest}, "DPoP "+c.o.Token)
	q := *c.target
	values := q.Query()
	values.Set("access_token", c.o.Token)
	q.RawQuery = values.Encode()
	c.refused(ctx, "a token in the URL is refused, be it good", "take the header alone (RFC 9700 section 4.3.2)", q.String(),
		[]int{http.StatusUnauthorized, http.StatusBadRequest})
}

// flipped is a signature with other first bytes.
func flipped(signature string) string {
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(raw) < 2 {
		return "AAAA"
	}
	raw[1] ^= 1
	return b64(raw)
}
