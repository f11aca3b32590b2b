package checkup

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/loopback"
	"signet/storage"
)

// grants are what the registration allows, but does not make sense or is no longer advised.
func (l *look) grants() {
	a, n := l.app.Client, len(l.found)
	if front := a.HasGrant(clients.AuthorizationCode) || a.HasGrant(clients.Implicit); !front && len(a.RedirectURIs) > 0 {
		l.notice("grant_types", "Add authorization_code, or remove the redirect URIs.",
			"redirect URIs are registered, and no grant type of the app uses them")
	}
	if slices.ContainsFunc(a.ResponseTypes, func(r string) bool { return clients.Answers(r, "token") }) {
		l.notice("response_types", "Let the app use the response type code with PKCE.",
			"access tokens come in addresses, where browsers and others keep them (RFC 9700 section 2.1.2)")
	}
	if a.HasGrant(clients.Password) {
		l.notice("grant_types", "Let the app use authorization_code.",
			"people give their passwords to the app, which skips two-step verification and passkeys (RFC 9700 section 2.4)")
	}
	if slices.Contains(strings.Fields(a.Scope), "offline_access") && !a.HasGrant(clients.RefreshToken) {
		l.notice("grant_types", "Add refresh_token, or remove the scope offline_access.",
			"the scope offline_access is registered, and without the grant type refresh_token the app cannot get it")
	}
	if a.Native() && a.HasSecret() {
		l.notice("token_endpoint_auth_method", "Use token_endpoint_auth_method none: PKCE protects such an app.",
			"a secret in an app on people's devices can be read by everybody who has the app (RFC 8252 section 8.5)")
	}
	if (a.ByCertificate() || a.CertificateBoundAccessTokens) && !l.o.Mutual {
		l.problem("token_endpoint_auth_method", "Set server.mtls, or let the app authenticate otherwise.",
			"the app needs a certificate at the token endpoint, and this server asks for none: it gets no tokens")
	}
	if l.clean(n, "grant_types", "response_types", "token_endpoint_auth_method") {
		l.good("grant_types", "grant types, response types and %s go together", a.TokenEndpointAuthMethod)
	}
	l.redirects()
}

// redirects are how the redirect URIs are written; whether they answer is another thing.
func (l *look) redirects() {
	inner, outer := "", false
	for _, raw := range l.app.Client.RedirectURIs {
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https":
		case !loopback.Host(u.Hostname()):
			outer = true
		default:
			inner = raw
			if l.app.Client.Native() && !strings.ContainsAny(u.Hostname(), ".:") {
				l.notice("redirect_uris", "Register 127.0.0.1 or [::1] in its place.",
					"%s: the name localhost may lead elsewhere (RFC 8252 section 8.3)", raw)
			}
		}
	}
	if inner != "" && outer && !l.app.Client.Native() {
		l.notice("redirect_uris", "Remove it, and register an app of its own for development.",
			"%s is on the computer of whoever signs in, and others are on the network: a leftover of development", inner)
	}
}

// scopes are those of APIs that are there no more.
func (l *look) scopes(ctx context.Context) error {
	known, err := l.o.Clients.CurrentResources(ctx)
	if err != nil {
		return err
	}
	n := len(l.found)
	for s := range strings.FieldsSeq(l.app.Client.Scope) {
		if !known.Known(s) {
			l.problem("scope", "Register the API with this scope, or remove it from the app.",
				"no API has the scope %q: the app cannot get it", s)
		}
	}
	for _, name := range l.app.Client.DetailsTypes {
		if _, _, ok := known.DetailsOwner(name); !ok {
			l.problem("authorization_details_types", "Register the type at an API, or remove it from the app.",
				"no API has authorization details of the type %q", name)
		}
	}
	if e := l.app.Client.Exchange; e != nil {
		for _, id := range e.Targets {
			if _, ok := known.Named(l.o.Issuer, id); !ok {
				l.problem("exchange", "Register the API, or remove it from targets.",
					"%s is not a registered API: no token can be exchanged for it", id)
			}
		}
		for _, s := range e.Scopes {
			if !known.Known(s) {
				l.problem("exchange", "Register the API with this scope, or remove it.", "no API has the scope %q", s)
			}
		}
	}
	if l.clean(n, "scope", "authorization_details_types", "exchange") {
		l.good("scope", "each scope that it registered is there")
	}
	return nil
}

// others are the apps that its registration names.
func (l *look) others(ctx context.Context) error {
	e := l.app.Client.Exchange
	if e == nil {
		return nil
	}
	declared := l.o.Clients.Declared()
	ids := slices.DeleteFunc(slices.Concat(e.SubjectsFrom, e.Actors), func(id string) bool {
		return id == "*" || slices.ContainsFunc(declared, func(c *clients.Client) bool { return c.ClientID == id })
	})
	slices.Sort(ids)
	unknown, err := l.o.Unknown(ctx, slices.Compact(ids)...)
	for _, id := range unknown {
		l.notice("exchange", "Remove it from subjects_from and actors, or register it.",
			"it may present tokens of the app %q, and there is no such app", id)
	}
	return err
}

// upstreams are the providers that its people are offered.
func (l *look) upstreams(ctx context.Context) error {
	if len(l.app.Client.Upstreams) == 0 {
		return nil
	}
	all, err := l.o.Upstreams(ctx)
	if err != nil {
		return err
	}
	state, usable := map[string]string{}, 0
	for _, u := range all {
		state[u.ID] = "on"
		if u.Disabled {
			state[u.ID] = "off"
		}
	}
	for _, id := range l.app.Client.Upstreams {
		switch state[id] {
		case "on":
			usable++
		case "off":
			l.notice("upstreams", "Enable it, or remove it from the app.", "the sign-in provider %q is disabled", id)
		default:
			l.notice("upstreams", "Remove it from the app, or add the provider.", "there is no sign-in provider %q", id)
		}
	}
	if usable == 0 {
		l.problem("upstreams", "Name one that is there, or none: then all are offered.",
			"none of the sign-in providers that the app names can be used: its people are offered none")
	} else if usable == len(l.app.Client.Upstreams) {
		l.good("upstreams", "each of its %d sign-in providers is there", usable)
	}
	return nil
}

// mostSecrets is how many are usual while one takes another's place.
const mostSecrets = 2

// secrets are when they end, and which of them is in use.
func (l *look) secrets() {
	const check, remedy = "secrets", "Make another secret (rotate-secret), give it to the app, and look that it is used."
	switch {
	case !l.app.Client.HasSecret():
		return
	case l.app.Client.Declared:
		if l.app.Client.GuessableSecret() {
			l.notice(check, "Choose one of 32 random characters or more.", "its secret is short enough to be guessed")
		} else {
			l.good(check, "it is in the configuration")
		}
		return
	}
	var live []storage.ClientSecret // the newest first
	for _, s := range l.app.Secrets {
		ended := !s.ExpiresAt.IsZero() && !l.now.Before(s.ExpiresAt)
		if !ended && (l.app.Client.TokenEndpointAuthMethod != clients.MethodJWTSecret || s.Sealed != nil) {
			live = append(live, s)
		}
	}
	if len(live) == 0 {
		l.problem(check, remedy, "none of its secrets is valid: it cannot authenticate")
		return
	}
	n := len(l.found)
	if len(live) > mostSecrets {
		l.notice(check, "Remove those that are not used any more.", "%d secrets are valid", len(live))
	}
	last, used := live[0].ExpiresAt, live[0]
	for _, s := range live {
		if s.LastUsedAt.After(used.LastUsedAt) {
			used = s
		}
		if s.ExpiresAt.IsZero() || !last.IsZero() && s.ExpiresAt.After(last) {
			last = s.ExpiresAt
		}
	}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case !last.IsZero() && last.Sub(l.now) < soon:
		l.problem(check, remedy, "the last of its secrets ends on %s: the app cannot authenticate from then on", day(last))
	case live[0].LastUsedAt.IsZero() && !used.LastUsedAt.IsZero() && !used.ExpiresAt.IsZero():
		l.notice(check, "Give the newest secret to the app: it is shown once; if it is lost, make another.",
			"the app still uses a secret that ends on %s, and never used the newest one", day(used.ExpiresAt))
	}
	if l.clean(n, check) {
		l.good(check, "%d valid", len(live))
	}
}

// apiKeys are those of the app that end soon.
func (l *look) apiKeys() {
	for _, k := range l.app.Keys {
		if left := k.ExpiresAt.Sub(l.now); left > 0 && left < soon {
			l.notice("api_keys", "Make another key, give it to the program, and revoke the one before.",
				"the API key %q ends on %s", k.Name, k.ExpiresAt.UTC().Format(time.DateOnly))
		}
	}
}
