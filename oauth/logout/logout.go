// Package logout judges a request to end the session (OpenID Connect RP-Initiated Logout 1.0): whose it is, whether the person
// has to be asked, and where the browser may go afterwards.
//
// It ends nothing and shows nothing: server/logout does. Begin with Judge.
package logout

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"

	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/telemetry"
	"signet/oauth/request"
	"signet/oauth/tokens"
)

// Request is what the relying party sent (section 2).
type Request struct {
	IDTokenHint           string
	ClientID              string
	PostLogoutRedirectURI string
	State                 string
	UILocales             string // languages for the pages, the preferred first
	LogoutHint            string // who is to be signed out, as for login_hint
}

// Locales are its languages.
func (r Request) Locales() []string {
	if len(r.UILocales) > maxHintText {
		return nil
	}
	return spaced.Words(r.UILocales)
}

// Read takes it from a form. Of a request with a repeated parameter or with control characters nothing can be trusted: it is
// taken for one without parameters.
func Read(form url.Values) Request {
	own := url.Values{}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "logout_hint"} {
		own[name] = form[name]
	}
	if request.Clean(own) != nil {
		return Request{}
	}
	return Request{IDTokenHint: form.Get("id_token_hint"), ClientID: form.Get("client_id"),
		PostLogoutRedirectURI: form.Get("post_logout_redirect_uri"), State: form.Get("state"),
		UILocales: form.Get("ui_locales"), LogoutHint: form.Get("logout_hint")}
}

// Values are its parameters again.
func (r Request) Values() map[string]string {
	v := map[string]string{"id_token_hint": r.IDTokenHint, "client_id": r.ClientID, "post_logout_redirect_uri": r.PostLogoutRedirectURI,
		"state":      r.State,
		"ui_locales": r.UILocales, "logout_hint": r.LogoutHint}
	for name, value := range v {
		if value == "" {
			delete(v, name)
		}
	}
	return v
}

// Plan is what may be done.
type Plan struct {
	Client *clients.Client // who asks, nil = unknown
	Back   string          // the registered address with state, "" = stay on our page
	Proven bool            // a valid hint names the client: going back needs no click
	// Hint is whom the app means (logout_hint), "" = not told. It proves nothing.
	Hint     string
	sub, sid string // of a valid hint, as the client calls them
	names    Names
}

// Ends reports whether the hint is of this very session, so that nobody needs to be asked.
func (p Plan) Ends(sessionID string) bool {
	_, sid := p.names.of(p.Client, "", sessionID)
	return p.Proven && p.sid != "" && p.sid == sid
}

// NamesPerson reports whether a valid hint is about somebody.
func (p Plan) NamesPerson() bool { return p.sub != "" }

// IsAbout reports whether a valid hint is about the person.
func (p Plan) IsAbout(userID string) bool {
	sub, _ := p.names.of(p.Client, userID, "")
	return p.sub != "" && p.sub == sub
}

// Clients finds a client.
type Clients interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
}

const (
	maxHint  = 16 << 10
	maxState = 2 << 10

	maxHintText = 512 // of logout_hint and ui_locales
)

// Judge works out the plan. What cannot be trusted is left out, not refused: the person is asked and stays with us. Errors are
// the storage's.
func Judge(ctx context.Context, r Request, registry Clients, verify func(string) (tokens.ID, error), names Names) (Plan, error) {
	p := Plan{names: names}
	if len(r.LogoutHint) <= maxHintText {
		p.Hint = r.LogoutHint
	}
	id := r.ClientID
	if id != "" {
		telemetry.Add(ctx, telemetry.Sent("client_id", id))
	}
	if r.IDTokenHint != "" {
		if len(r.IDTokenHint) > maxHint {
			return p, nil
		}
		hint, err := verify(r.IDTokenHint)
		if err != nil {
			telemetry.Add(ctx, slog.String("hint_error", err.Error()))
		}
		if err != nil || len(hint.Audience) == 0 || (id != "" && !slices.Contains(hint.Audience, id)) {
			return p, nil
		}
		if id == "" {
			id = hint.Audience[0]
		}
		p.Proven, p.sub, p.sid = true, hint.Subject, hint.SessionID
	}
	if id == "" {
		return p, nil
	}
	c, err := registry.Client(ctx, id)
	if errors.Is(err, clients.ErrUnknown) || err == nil && !c.Enabled() {
		return Plan{Hint: p.Hint}, nil
	}
	if err != nil {
		return Plan{}, err
	}
	p.Client = c
	if r.PostLogoutRedirectURI != "" {
		back, ok := c.MatchPostLogoutRedirect(r.PostLogoutRedirectURI)
		if !ok {
			telemetry.Add(ctx, slog.String("client_id", c.ClientID),
				telemetry.URI("redirect_uri", r.PostLogoutRedirectURI), telemetry.URIs("registered_uris", c.PostLogoutRedirectURIs))
		}
		if !ok || len(r.State) > maxState {
			p.Proven = false
			return p, nil
		}
		p.Back = withState(back, r.State)
	}
	return p, nil
}

// withState appends the state to the registered address.
func withState(address, state string) string {
	if state == "" {
		return address
	}
	return withQuery(address, url.Values{"state": {state}}.Encode())
}
