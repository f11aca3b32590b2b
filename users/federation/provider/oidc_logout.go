package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	openidLogoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	openidLogoutAge   = 10 * time.Minute // since it was issued
	openidLogoutSize  = 16 << 10         // bytes
)

// LogoutURL is for LogoutURLer.
func (p *openid) LogoutURL(ctx context.Context, idToken, returnTo, state string) (*url.URL, error) {
	m, err := p.meta.get(ctx, false)
	if err != nil || m.EndSession == "" {
		return nil, err
	}
	u, err := url.Parse(m.EndSession)
	if err != nil {
		return nil, fmt.Errorf("%w: its end session endpoint is not an address", ErrUpstream)
	}
	q := u.Query()
	for name, value := range map[string]string{
		"id_token_hint": idToken, "post_logout_redirect_uri": returnTo, "state": state, "client_id": p.ClientID,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u, nil
}

// ReadLogout is for BackChannelLogout: OpenID Connect Back-Channel Logout 1.0 section 2.6. The library looks at the signature, aud,
// exp, jti, that there is an event and no nonce, and that sub or sid is there; the rest is looked at here.
func (p *openid) ReadLogout(ctx context.Context, raw string) (LogoutToken, error) {
	refuse := func(why string) (LogoutToken, error) {
		return LogoutToken{}, fmt.Errorf("%w: the logout token %s", ErrIdentity, why)
	}
	if len(raw) > openidLogoutSize {
		return refuse("is too long")
	}
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return LogoutToken{}, openidAway(err)
	}
	verifier, signature := p.verifier(m)
	token, err := verifier.VerifyLogout(ctx, raw)
	if signature.down != nil {
		return LogoutToken{}, openidAway(signature.down)
	}
	if _, old := errors.AsType[*oidc.TokenExpiredError](err); old {
		return refuse("has expired")
	}
	var claims map[string]any
	if err != nil || token.Claims(&claims) != nil {
		return refuse("is not signed by the upstream, not for us, or not one")
	}
	issuer, ours := p.issuedBy(m, token.Issuer, claims)
	events, _ := claims["events"].(map[string]any)
	_, isEvent := events[openidLogoutEvent].(map[string]any)
	age := time.Since(token.IssuedAt) // long, where iat is missing
	switch {
	case !ours:
		return refuse("is another issuer's")
	case !isEvent:
		return refuse("is of another event")
	case !openidLogoutType(signature.typ):
		return refuse("is of another type")
	case age > openidLogoutAge || age < -openidLeeway:
		return refuse("is too old, or from the future")
	case token.Subject != "" && !storable(token.Subject, maxSubject), token.SessionID != "" && !storable(token.SessionID, maxSubject),
		!storable(token.TokenID, maxSubject):
		return refuse("names nothing that can be kept")
	}
	return LogoutToken{
		Issuer: issuer, Subject: token.Subject, SID: token.SessionID, JTI: token.TokenID,
		IssuedAt: token.IssuedAt.UTC(), ExpiresAt: token.Expiry.UTC(),
	}, nil
}

// openidLogoutType reports whether the header's typ is one of a logout token: section 2.4 wants logout+jwt, older providers say JWT
// or nothing.
func openidLogoutType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "logout+jwt", "jwt", "":
		return true
	}
	return false
}

// openidAway is an error of what a token cannot be verified without: for whoever sent the token, that is one thing.
func openidAway(err error) error {
	if errors.Is(err, ErrDown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}
