package request

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/telemetry"
	"signet/oauth/clientjwt"
	"signet/oauth/pushed"
	"signet/oauth/refusal"
)

// Objects are request objects (OpenID Connect Core section 6, RFC 9101): authorization requests that the client signed.
type Objects struct {
	Keys  clientjwt.Keys
	Fetch Fetcher
	// Unsigned lets clients that registered no algorithm send objects that nobody signed; who registered none may in any case.
	Unsigned bool
	// Decrypt opens objects that are encrypted to us; nil = none are taken.
	Decrypt func(text string) ([]byte, error)
	// Once notes the jti of objects that are pushed; nil = nobody does.
	Once Once
}

// Once notes what may be used once; *storage.DB does.
type Once interface {
	// SpendOnce is storage.ErrConflict the second time.
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
}

// Fetcher is the one way out; *egress.Client.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

const (
	maxObject  = 16 << 10
	objectSkew = 10 * time.Second
	typeObject = "oauth-authz-req+jwt" // RFC 9101 section 10.8
)

// errObject: the object is not one that counts. The text says why, for the log.
var errObject = errors.New("request object refused")

func objectMistake(why string) error { return fmt.Errorf("%w: %s", errObject, why) }

// unpacked is the form of a request with the parameters of its object in it. Where the object cannot be read, its refusal comes with the
// form that the client sent outside: there its redirect URI may be told of it.
func (p *Parser) unpacked(ctx context.Context, c *clients.Client, form url.Values, direct bool) (url.Values, *refusal.Refusal) {
	byValue, byReference := form.Get("request"), form.Get("request_uri")
	switch {
	case byValue == "" && byReference == "" && c.RequireSignedRequestObject:
		return form, refusal.InvalidRequest("This client must send a signed request object.")
	case byValue == "" && byReference == "":
		return form, nil
	case p.Objects == nil && byValue != "":
		return form, refusal.RequestNotSupported("Request objects are not supported.")
	case p.Objects == nil:
		return form, refusal.RequestURINotSupported("request_uri is not supported.")
	case byValue != "" && byReference != "", repeated(form, "request", "request_uri") != nil:
		return form, refusal.InvalidRequest("Send request or request_uri, once.")
	}
	object := byValue
	if byReference != "" {
		var err error
		if object, err = p.fetched(ctx, c, byReference); err != nil {
			return form, refusal.InvalidRequestURI("The request_uri is not registered, or what is there cannot be had.").Because(err)
		}
	}
	merged, err := p.merged(ctx, c, form, object, direct)
	if err != nil && !errors.Is(err, errObject) {
		return form, refusal.From(err)
	}
	if err != nil {
		return form, refusal.InvalidRequestObject("The request object is not one that this client may send.").Because(err)
	}
	telemetry.Add(ctx, slog.Bool("request_object", true))
	return merged, nil
}

// fetched is the object at an address that the client registered (OpenID Connect Core section 6.2).
func (p *Parser) fetched(ctx context.Context, c *clients.Client, address string) (string, error) {
	bare, mark, _ := strings.Cut(address, "#")
	whole := slices.Contains(c.RequestURIs, address)
	switch {
	case strings.HasPrefix(address, pushed.Prefix):
		return "", objectMistake("nothing was pushed under this request_uri")
	case !whole && !slices.Contains(c.RequestURIs, bare):
		return "", objectMistake("request_uri is not registered")
	}
	got, err := p.Objects.Fetch.Fetch(ctx,
		egress.Request{URL: bare, Header: map[string]string{"Accept": "application/oauth-authz-req+jwt, application/jwt"}})
	if err != nil {
		return "", fmt.Errorf("request_uri: %w", err)
	}
	if got.Status != http.StatusOK {
		return "", fmt.Errorf("request_uri: status %d", got.Status)
	}
	body := strings.TrimSpace(string(got.Body))
	// A fragment that was registered is only a name: it may be older than what is there, and the object is judged by its own signature.
	if sum := sha256.Sum256(got.Body); !whole && len(mark) == 43 && mark != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return "", objectMistake("request_uri: the content is not what its fragment says")
	}
	return body, nil
}

// merged are the parameters that count. An object of RFC 9101 says everything; one of OpenID Connect wins over what stands beside it (Core
// section 6.1).
func (p *Parser) merged(ctx context.Context, c *clients.Client, form url.Values, object string, direct bool) (url.Values, error) {
	if len(object) > maxObject {
		return nil, objectMistake("longer than 16 KiB")
	}
	payload, typ, err := p.opened(ctx, c, object)
	if err != nil {
		return nil, err
	}
	inside, err := parameters(payload)
	if err != nil {
		return nil, err
	}
	outside := maps.Clone(form)
	outside.Del("request")
	outside.Del("request_uri")
	alone := typ == typeObject || outside.Get("response_type") == ""
	if err := p.judgeObject(payload, c, alone); err != nil {
		return nil, err
	}
	switch {
	case inside.Has("request") || inside.Has("request_uri"):
		return nil, objectMistake("holds another request object")
	case inside.Has("client_id") && inside.Get("client_id") != c.ClientID:
		return nil, objectMistake("client_id differs")
	case !alone && inside.Has("response_type") &&
		clients.ResponseType(inside.Get("response_type")) != clients.ResponseType(outside.Get("response_type")):
		return nil, objectMistake("response_type differs")
	}
	// what was not signed does not count for a client that signs everything (RFC 9101 sections 6.3 and 10.5)
	if alone || c.RequireSignedRequestObject {
		outside = url.Values{}
	}
	if direct {
		if err := p.spendObject(ctx, c, payload); err != nil {
			return nil, err
		}
	}
	maps.Copy(outside, inside)
	outside.Set("client_id", c.ClientID)
	return outside, nil
}

// opened is the payload of an object and its typ, after it was decrypted and its signature was judged. What is encrypted and not signed
// inside is like an object that nobody signed: everybody has our key.
func (p *Parser) opened(ctx context.Context, c *clients.Client, object string) (payload []byte, typ string, err error) {
	if object, err = p.decrypted(object); err != nil {
		return nil, "", err
	}
	registered := c.RequestObjectSigningAlg
	if payload, ok := unsigned(object); ok {
		if c.RequireSignedRequestObject || registered != "none" && !(registered == "" && p.Objects.Unsigned) {
			return nil, "", objectMistake("it is not signed")
		}
		return payload, "", nil
	}
	if registered == "none" {
		registered = "" // a signed one is better
	}
	jwt, err := clientjwt.Parse(object, "jwt", typeObject)
	if err != nil {
		return nil, "", objectMistake(err.Error())
	}
	keys, err := jwt.Keys(ctx, p.Objects.Keys, c)
	if err != nil {
		return nil, "", objectMistake(err.Error())
	}
	if payload, err = jwt.Open(keys, registered); err != nil {
		return nil, "", objectMistake(err.Error())
	}
	return payload, jwt.Type, nil
}

// unsigned is the payload of an object that nobody signed: of the algorithm none, which has an empty signature (RFC 7519 section 6), or
// what was encrypted only.
func unsigned(object string) ([]byte, bool) {
	if strings.HasPrefix(object, "{") {
		return []byte(object), true
	}
	parts := strings.Split(object, ".")
	if len(parts) != 3 || parts[2] != "" {
		return nil, false
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, false
	}
	var h map[string]any
	if json.Unmarshal(head, &h) != nil || h["alg"] != "none" || h["crit"] != nil || h["b64"] != nil || h["zip"] != nil {
		return nil, false
	}
	if typ, ok := h["typ"].(string); h["typ"] != nil && (!ok || !strings.EqualFold(typ, "JWT") && !strings.EqualFold(typ, typeObject)) {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return payload, err == nil
}

// judgeObject checks the claims about the object itself (RFC 9101 sections 4 and 10.2).
func (p *Parser) judgeObject(payload []byte, c *clients.Client, alone bool) error {
	var claims struct {
		Issuer    *string         `json:"iss"`
		Subject   any             `json:"sub"`
		Audience  json.RawMessage `json:"aud"`
		ExpiresAt *float64        `json:"exp"`
		NotBefore *float64        `json:"nbf"`
	}
	if err := clientjwt.Claims(payload, &claims); err != nil {
		return objectMistake("its claims are malformed")
	}
	var audience []string
	if one := ""; json.Unmarshal(claims.Audience, &one) == nil {
		audience = []string{one}
	} else if claims.Audience != nil && json.Unmarshal(claims.Audience, &audience) != nil {
		return objectMistake("aud is malformed")
	}
	now := float64(time.Now().UnixMilli()) / 1000
	skew := objectSkew.Seconds()
	switch {
	case claims.Issuer == nil && alone, claims.Issuer != nil && *claims.Issuer != c.ClientID:
		return objectMistake("iss is not the client")
	case claims.Subject == c.ClientID: // it could be shown as a client assertion (RFC 9101 section 10.8)
		return objectMistake("sub is the client")
	case claims.Audience == nil && alone, claims.Audience != nil && !slices.Contains(audience, p.Issuer):
		return objectMistake("aud is not this issuer")
	case claims.ExpiresAt != nil && now >= *claims.ExpiresAt+skew:
		return objectMistake("it expired")
	case claims.NotBefore != nil && now < *claims.NotBefore-skew:
		return objectMistake("it is not valid yet")
	}
	if !c.FAPI() { // with either profile: whoever signs its requests does as Message Signing has it
		return nil
	}
	return shortLived(claims.NotBefore, claims.ExpiresAt, now-skew)
}

// maxObjectLife is how old an object may be, and how long it may live, where the profile says so.
const maxObjectLife = 60 * time.Minute

// shortLived wants both ends of an object's life, near to now and to each other (FAPI 2.0 Message Signing section 5.3.1).
func shortLived(notBefore, expires *float64, now float64) error {
	most := maxObjectLife.Seconds()
	switch {
	case notBefore == nil || expires == nil:
		return objectMistake("nbf and exp are demanded by the client's profile")
	case *notBefore < now-most:
		return objectMistake("nbf is more than 60 minutes ago")
	case *expires-*notBefore > most:
		return objectMistake("exp is more than 60 minutes after nbf")
	}
	return nil
}

// aboutObject are members that are no parameters.
var aboutObject = []string{"iss", "aud", "exp", "nbf", "iat", "jti"}

// parameters are the members of an object as a form has them: text as it is, numbers in decimal, the rest as JSON.
func parameters(payload []byte) (url.Values, error) {
	if !utf8.Valid(payload) { // RFC 8259 section 8.1: a decoder would change what has to come back as it was sent, a state
		return nil, objectMistake("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil || dec.More() {
		return nil, objectMistake("it is not a JSON object")
	}
	form := url.Values{}
	for name, value := range members {
		if slices.Contains(aboutObject, name) || value == nil {
			continue
		}
		if list, ok := value.([]any); ok && name == "resource" {
			for _, one := range list {
				text, ok := one.(string)
				if !ok {
					return nil, objectMistake("resource is malformed")
				}
				form.Add(name, text)
			}
			continue
		}
		text, err := parameter(value)
		if err != nil {
			return nil, err
		}
		form.Set(name, text)
	}
	return form, nil
}

func parameter(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", objectMistake("a member is malformed")
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
