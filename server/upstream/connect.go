package upstream

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
)

// connecting is a person who is asked whether to link the identity that waits.
type connecting struct {
	s      *login.State
	k      federation.PendingIdentity
	permit factor.Permit
}

// connecting is the sign-in whose turn it is to ask, with leave to link; ok is false where there is nothing to ask, and the answer is
// written. The person proves first, in the strongest way they have, that the account is theirs.
func (h *Handler) connecting(w http.ResponseWriter, r *http.Request) (c connecting, ok bool, err error) {
	if c.s, err = h.Login.Load(r); err != nil {
		return c, false, err
	}
	if !c.s.Is(flow.Link) {
		return c, false, h.Login.GoOn(w, r, c.s)
	}
	c.k, err = h.pending(r, c.s, c.s.In.Progress.PendingIdentity)
	if errors.Is(err, federation.ErrExpired) {
		return c, false, h.goOn(w, r, c.s)
	}
	if err != nil {
		return c, false, err
	}
	c.permit, err = h.Login.May(r.Context(), c.s.Visitor, factor.LinkLogin)
	if errors.Is(err, factor.ErrConfirm) {
		return c, false, h.Login.Confirm(w, r, connectPath+"?i="+c.s.In.ID)
	}
	if errors.Is(err, login.ErrFirstFactor) && c.s.In.Purpose == flow.PurposeAuthorize {
		return c, false, h.goOn(w, r, c.s) // not linked, but the app is not lost over it
	}
	return c, err == nil, err
}

// goOn goes on with the sign-in without linking.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, s *login.State) error {
	err := h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.PendingIdentity = "" })
	if browser.IsExpired(err) { // it ended this very moment: the person is signed in all the same
		s.In, s.Client, s.Late, err = flow.Interaction{Purpose: flow.PurposeAccount}, nil, true, nil
	}
	if err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, s.Visitor)
}

func (h *Handler) showConnect(w http.ResponseWriter, r *http.Request) error {
	c, ok, err := h.connecting(w, r)
	if err != nil || !ok {
		return err
	}
	u, _ := h.Login.Upstreams.Upstream(c.k.Upstream)
	r, app := h.Login.Prepare(w, r, c.s)
	return h.Pages.Render(w, r, http.StatusOK, pages.Connect{
		App: app, Person: c.s.Visitor.Person, Upstream: h.Login.Button(r, c.s, u), Label: c.k.Identity.Email,
		Action: h.Login.Path(flow.Link, c.s.In),
	})
}

// connect links the identity, or does not, and goes on.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	c, ok, err := h.connecting(w, r)
	if err != nil || !ok {
		return err
	}
	if !browser.ForVisitor(r, c.s.Visitor) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Login.Path(flow.Link, c.s.In)}
	}
	if r.PostForm.Get("decision") != "connect" {
		if err := h.Identities.Discard(r.Context(), c.k); err != nil {
			return err
		}
		return h.goOn(w, r, c.s)
	}
	err = h.Links.LinkPending(h.Login.Told(r), c.permit, c.s.Visitor.User, c.k)
	for _, told := range []error{federation.ErrExpired, federation.ErrHave, federation.ErrTaken, users.ErrChanged, factor.ErrChanged} {
		if errors.Is(err, told) {
			return h.linkFailed(w, r, c.k.Upstream, err)
		}
	}
	if err != nil {
		return err
	}
	h.Count("upstream "+c.k.Upstream, "linked")
	if c.s.In.Purpose != flow.PurposeAuthorize {
		return h.Browser.Go(w, r, loginsPath+"?done=login_added", nil)
	}
	return h.goOn(w, r, c.s)
}
