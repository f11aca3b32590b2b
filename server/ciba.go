package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/mail"
	"signet/internal/ratelimit"
	"signet/oauth"
	"signet/oauth/ciba"
	"signet/oauth/clientauth"
	"signet/oauth/grants"
	"signet/oauth/request"
	"signet/server/approval"
	asking "signet/server/ciba"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/identifier"
)

// cibaHandler answers apps that ask for the decision of somebody whom they name, and those people.
func (h *Services) cibaHandler(requests *request.Parser, callers *clientauth.Authenticator, view *pages.Pages, front *login.Login,
	approvals *approval.Approvals) (_ web.Mounter, err error) {
	h.asked, err = ciba.New(ciba.Options{
		Store: h.DB, Refusing: h.DB, People: named{h}, Outbox: h.Deliveries, Key: h.Master.DeriveAll("ciba hints")[0], Count: h.Metrics.Asked,
	})
	if err != nil {
		return nil, err
	}
	return asking.New(asking.Options{
		Clients: callers, Parser: requests, Requests: h.asked, Switch: h.asked, Approvals: approvals, Audit: h.Audit,
		Limits: ratelimit.New(h.DB), Login: front,
		Browser: front.Browser, Pages: view, App: h.app, Push: h.Config.CIBA.Push,
	})
}

// waitsFor reports whether apps wait for a decision of the person.
func (h *Services) waitsFor(ctx context.Context, userID string) (bool, error) {
	if h.asked == nil {
		return false, nil
	}
	list, err := h.asked.Of(ctx, userID)
	return len(list) > 0, err
}

// named are the people whom apps name: the protocol must not import users.
type named struct{ services *Services }

// Named implements ciba.People. An address counts only where it is verified: else whoever typed a stranger's address at sign-up would be
// asked in the stranger's place. Who is there and cannot decide is one person, by whatever name, as others are: else two names that should
// be one would tell that they are not.
func (n named) Named(ctx context.Context, login, id string) (userID, key string, err error) {
	find, key := func() (storage.User, error) { return n.services.People.ByID(ctx, id) }, "id "+id
	if login != "" {
		find = func() (storage.User, error) { return n.services.People.ByAddress(ctx, login) }
		address, wrong := identifier.EmailKey(login)
		if wrong != nil {
			address = strings.ToLower(login)
		}
		key = "address " + address
	}
	u, err := find()
	switch {
	case errors.Is(err, users.ErrNotFound) || errors.Is(err, users.ErrEmail):
		return "", key, nil
	case err != nil:
		return "", "", err
	case login != "" && !u.EmailVerified:
		return "", key, nil
	case !u.DisabledAt.IsZero() || !u.FrozenAt.IsZero():
		return "", "person " + u.ID, nil
	}
	return u.ID, "person " + u.ID, nil
}

// Tell implements ciba.People. The link is the same in every email: it names no request, and decides nothing.
func (n named) Tell(ctx context.Context, userID string, app *clients.Client, message string, until time.Time) error {
	people := n.services.People
	if !people.MailOn() {
		return nil
	}
	u, err := people.ByID(ctx, userID)
	nobody := userID == "" && errors.Is(err, users.ErrNotFound)
	if !nobody && (err != nil || !u.EmailVerified) {
		return err
	}
	if message == "" {
		message = "–"
	}
	words := called(app)
	words["Message"] = message
	return people.SendEmail(ctx, u, mail.Email{Kind: mail.Decision, Link: "/account/requests", ExpiresAt: until, Args: words})
}

// maker makes the tokens that are sent to apps.
type maker struct {
	services *Services
	provider *oauth.Provider
}

// whyNotTaken is in grants.revoked_why.
const whyNotTaken = "pushed to the application, which did not take it"

// Make implements ciba.Maker.
func (m maker) Make(ctx context.Context, c *clients.Client, id string, keep func(ctx context.Context, made ciba.Made) error) error {
	_, err := m.provider.Token(ctx, oauth.TokenRequest{
		Client: c, Form: url.Values{"grant_type": {clients.CIBA}, "auth_req_id": {id}},
		Push: func(ctx context.Context, answer *oauth.Answer, grantID string) error {
			text, err := json.Marshal(answer)
			if err != nil {
				return err
			}
			return keep(ctx, ciba.Made{
				Answer: text, GrantID: grantID, Expires: time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second),
			})
		},
	})
	return err
}

// Alive implements ciba.Maker.
func (m maker) Alive(ctx context.Context, grantID string) (bool, error) {
	s, err := m.services.DB.GrantStateByID(ctx, grantID)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	err = grants.Alive(&s, time.Now())
	if errors.Is(err, grants.ErrPaused) { // it may go on before the tokens are over
		return false, err
	}
	return err == nil, nil
}

// Revoke implements ciba.Maker.
func (m maker) Revoke(ctx context.Context, grantID string) error {
	_, err := m.services.DB.RevokeGrant(ctx, grantID, whyNotTaken, time.Now())
	return err
}
