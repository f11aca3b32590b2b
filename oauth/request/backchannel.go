package request

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/typed"
	"signet/oauth/clientjwt"
	"signet/oauth/flow"
	"signet/oauth/refusal"
)

// Backchannel is a judged request for the decision of somebody whom the app names (CIBA Core section 7.1).
type Backchannel struct {
	Request flow.Request
	// Whom it names: by what people sign in with, or by the id that we give them; one of the two.
	Login, UserID string
	Message       string        // binding_message
	Expiry        time.Duration // that it asks for; 0 = none
	Notification  string        // client_notification_token, of clients in mode ping or push
	// JTI of a signed request, which counts once until Until; "" = nobody signed it.
	JTI   string
	Until time.Time
}

const (
	maxMessage      = 64   // code points of a binding_message
	maxNotification = 1024 // bytes of a client_notification_token
	maxLoginHint    = 254
	mostACRs        = 10
)

// belongInside are the parameters of such a request that a signed one has in it, and then nothing else (CIBA Core section 7.1.1).
var belongInside = []string{"scope", "client_notification_token", "acr_values", "login_hint_token", "id_token_hint", "login_hint",
	"binding_message", "user_code", "requested_expiry", "resource", paramDetails}

// wrong is an error of CIBA Core section 13.
func wrong(code, d string) *refusal.Refusal {
	return &refusal.Refusal{Code: code, Description: d, Status: 400}
}

// Backchannel judges a request for somebody's decision. Errors are *refusal.Refusal or the storage's.
func (p *Parser) Backchannel(ctx context.Context, c *clients.Client, form url.Values) (Backchannel, error) {
	b := Backchannel{Request: flow.Request{ClientID: c.ClientID, ResponseType: "code", MaxAge: c.DefaultMaxAge}}
	form, err := p.unpackedBackchannel(ctx, c, form, &b)
	if err != nil {
		return b, err
	}
	for _, values := range form {
		if slices.ContainsFunc(values, func(v string) bool { return len(v) > maxParameter }) {
			return b, refusal.InvalidRequest("A parameter is too long.")
		}
	}
	if err := Clean(form); err != nil {
		return b, err
	}
	if !slices.Contains(spaced.Words(form.Get("scope")), "openid") {
		return b, refusal.InvalidScope("The scope must contain openid.")
	}
	known, err := p.resourcesOf(ctx, c, form)
	if err != nil {
		return b, err
	}
	if r := detailsOf(&b.Request, c, form, known); r != nil {
		return b, r
	}
	if r := scopes(&b.Request, c, form, known); r != nil {
		return b, r
	}
	if r := p.resources(&b.Request, c, form, known); r != nil {
		return b, r
	}
	if b.Request.ACRValues = spaced.Words(form.Get("acr_values")); len(b.Request.ACRValues) > mostACRs {
		return b, refusal.InvalidRequest("There are too many acr_values.")
	}
	if len(b.Request.ACRValues) == 0 {
		b.Request.ACRValues = c.DefaultACRValues
	}
	if err := p.whom(ctx, c, form, &b); err != nil {
		return b, err
	}
	return b, passedOn(c, form, &b)
}

// passedOn judges what is only passed on.
func passedOn(c *clients.Client, form url.Values, b *Backchannel) error {
	b.Message = strings.TrimSpace(form.Get("binding_message"))
	if !plain(b.Message) {
		return wrong("invalid_binding_message", "Use at most 64 visible characters in binding_message, and no addresses.")
	}
	if c.FAPI() && b.Message == "" && b.Request.Details == "" { // FAPI: CIBA Security Profile section 5.2.2
		return wrong("invalid_binding_message", "This client's profile demands a binding_message.")
	}
	if want := form.Get("requested_expiry"); want != "" {
		seconds, err := strconv.ParseInt(want, 10, 32)
		if err != nil || seconds <= 0 {
			return refusal.InvalidRequest("requested_expiry must be a positive number of seconds.")
		}
		b.Expiry = time.Duration(seconds) * time.Second
	}
	if !c.Pings() && !c.Pushes() {
		return nil
	}
	b.Notification = form.Get("client_notification_token")
	if len(b.Notification) > maxNotification || !bearer.MatchString(b.Notification) {
		return refusal.InvalidRequest("client_notification_token must be a bearer token of at most 1024 characters.")
	}
	return nil
}

// bearer is the form of a token in a header (RFC 6750 section 2.1).
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// linkish is what programs make a link of: whoever reads a message follows nothing from it.
var linkish = regexp.MustCompile(`//|@|(?i:www\.|mailto:|tel:|sms:)|[\pL\pN-]+[.。．｡․﹒][\pL\pM]{2}|\d+(\.\d+){3}|[\pL\pN]:\d+/`)

// plain reports whether a message can be shown to people as it is.
func plain(s string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxMessage && !strings.ContainsFunc(s, odd) && !typed.Hidden(s) &&
		!linkish.MatchString(s)
}

// whom finds whom a request is about: by one of three hints (CIBA Core section 7.1).
func (p *Parser) whom(ctx context.Context, c *clients.Client, form url.Values, b *Backchannel) error {
	hints := 0
	for _, name := range []string{"login_hint", "login_hint_token", "id_token_hint"} {
		if form.Get(name) != "" {
			hints++
		}
	}
	if hints != 1 {
		return refusal.InvalidRequest("Send one of login_hint, login_hint_token and id_token_hint.")
	}
	if b.Login = strings.TrimSpace(form.Get("login_hint")); len(b.Login) > maxLoginHint {
		return refusal.InvalidRequest("login_hint is too long.")
	}
	if token := form.Get("id_token_hint"); token != "" {
		sub, aud, err := p.Hint(token)
		if err != nil || !slices.Contains(aud, c.ClientID) {
			return refusal.InvalidRequest("The id_token_hint is not an ID token that this client got here.").Because(err)
		}
		return subject(c, sub, b)
	}
	if token := form.Get("login_hint_token"); token != "" {
		return p.hinted(ctx, c, token, b)
	}
	return nil
}

// subject: a name that nobody can invert names nobody (package oauth/subject).
func subject(c *clients.Client, sub string, b *Backchannel) error {
	if c.Pairwise() {
		return refusal.InvalidRequest("This client has pairwise subjects, which cannot be looked up: send login_hint.")
	}
	b.UserID = sub
	return nil
}

// hinted reads a login_hint_token: a JWT that the client signed, for us, about somebody as RFC 9493 names people.
func (p *Parser) hinted(ctx context.Context, c *clients.Client, token string, b *Backchannel) error {
	refused := func(err error) error {
		return refusal.InvalidRequest("The login_hint_token is not one that this client may send.").Because(err)
	}
	payload, err := p.signedBy(ctx, c, token, "", "jwt")
	if err != nil {
		return refused(err)
	}
	var claims struct {
		aboutJWT
		SubID struct {
			Format  string `json:"format"`
			Email   string `json:"email"`
			Issuer  string `json:"iss"`
			Subject string `json:"sub"`
		} `json:"sub_id"`
	}
	if clientjwt.Claims(payload, &claims) != nil {
		return refused(nil)
	}
	if claims.ExpiresAt != nil && float64(time.Now().Unix()) >= *claims.ExpiresAt+objectSkew.Seconds() {
		return wrong("expired_login_hint_token", "The login_hint_token expired.")
	}
	if err := p.judgeJWT(claims.aboutJWT, c); err != nil {
		return refused(err)
	}
	switch id := claims.SubID; {
	case id.Format == "email" && id.Email != "" && len(id.Email) <= maxLoginHint:
		b.Login = id.Email
	case id.Format == "iss_sub" && id.Issuer == p.Issuer && id.Subject != "":
		return subject(c, id.Subject, b)
	default:
		return refusal.InvalidRequest("The login_hint_token needs sub_id of format email, or of format iss_sub with this issuer (RFC 9493).")
	}
	return nil
}

// aboutJWT are the claims about a JWT itself.
type aboutJWT struct {
	Issuer    string          `json:"iss"`
	Audience  json.RawMessage `json:"aud"`
	ExpiresAt *float64        `json:"exp"`
	NotBefore *float64        `json:"nbf"`
	IssuedAt  *float64        `json:"iat"`
	JTI       string          `json:"jti"`
}

// judgeJWT: the client made it for us, for now. It lives for an hour at most.
func (p *Parser) judgeJWT(a aboutJWT, c *clients.Client) error {
	now, skew, most := float64(time.Now().Unix()), objectSkew.Seconds(), maxObjectLife.Seconds()
	one := ""
	var several []string
	if json.Unmarshal(a.Audience, &one) != nil && json.Unmarshal(a.Audience, &several) == nil && len(several) == 1 && !c.FAPI() {
		one = several[0]
	}
	switch {
	case a.Issuer != c.ClientID:
		return objectMistake("iss is not the client")
	case one != p.Issuer:
		return objectMistake("aud is not this issuer alone")
	case a.ExpiresAt == nil || now >= *a.ExpiresAt+skew || *a.ExpiresAt > now+most+skew:
		return objectMistake("exp is missing, past or too far ahead")
	case a.NotBefore != nil && (now < *a.NotBefore-skew || *a.NotBefore < now-most-skew):
		return objectMistake("nbf is ahead, or long ago")
	case a.IssuedAt != nil && now < *a.IssuedAt-skew:
		return objectMistake("iat is ahead")
	}
	return nil
}

// signedBy is the payload of what the client signed; types are the typ headers that it may have.
func (p *Parser) signedBy(ctx context.Context, c *clients.Client, token, alg string, types ...string) ([]byte, error) {
	if len(token) > maxObject {
		return nil, objectMistake("longer than 16 KiB")
	}
	jwt, err := clientjwt.Parse(token, types...)
	if err != nil {
		return nil, objectMistake(err.Error())
	}
	var source clientjwt.Keys
	if p.Objects != nil {
		source = p.Objects.Keys
	}
	keys, err := jwt.Keys(ctx, source, c)
	if err != nil {
		return nil, objectMistake(err.Error())
	}
	return jwt.Open(keys, alg)
}

// unpackedBackchannel are the parameters of a signed request (CIBA Core section 7.1.1), or those of the form.
func (p *Parser) unpackedBackchannel(ctx context.Context, c *clients.Client, form url.Values, b *Backchannel) (url.Values, error) {
	object := form.Get("request")
	if object == "" {
		if c.SignsBackchannel() {
			return nil, refusal.InvalidRequest("This client must sign its request.")
		}
		return form, nil
	}
	if slices.ContainsFunc(belongInside, form.Has) {
		return nil, refusal.InvalidRequest("All parameters of a signed request belong into the request.")
	}
	refused := func(err error) error {
		return refusal.InvalidRequest("The request is not one that this client may have signed.").Because(err)
	}
	// It is a request object like those of RFC 9101; whoever sends one here proves to be the client, so none can come out of a browser.
	payload, err := p.signedBy(ctx, c, object, c.BackchannelSigningAlg, "jwt", typeObject)
	if err != nil {
		return nil, refused(err)
	}
	var about aboutJWT
	if clientjwt.Claims(payload, &about) != nil {
		return nil, refused(objectMistake("claims malformed"))
	}
	if about.NotBefore == nil || about.IssuedAt == nil || about.JTI == "" || len(about.JTI) > 256 {
		return nil, refused(objectMistake("nbf, iat or jti is missing"))
	}
	if err := p.judgeJWT(about, c); err != nil {
		return nil, refused(err)
	}
	inside, err := parameters(payload)
	if err != nil {
		return nil, refused(err)
	}
	if inside.Has("request") || inside.Has("sub") || inside.Has("client_id") && inside.Get("client_id") != c.ClientID {
		return nil, refused(objectMistake("holds another request, sub, or another client_id"))
	}
	b.JTI, b.Until = about.JTI, time.Unix(int64(*about.ExpiresAt), 0).Add(objectSkew)
	return inside, nil
}
