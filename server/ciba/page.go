package ciba

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"signet/audit"
	"signet/clients"
	"signet/oauth/ciba"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/server/approval"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
)

// at is the page of a request, or of all where id is "".
func at(id string) string {
	if id == "" {
		return path
	}
	return path + "?" + url.Values{"request": {id}}.Encode()
}

// idOf is the id of a request in a form or an address; "" = it is none.
func idOf(values url.Values) string {
	if id := values.Get("request"); len(id) <= 64 {
		return id
	}
	return ""
}

// show lists what waits for the person, or asks about the one that the address names. What came of a decision is only words.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	id := idOf(r.URL.Query())
	v, err := h.Approvals.SignedIn(w, r, at(id))
	if v == nil || err != nil {
		return err
	}
	if id == "" {
		return h.list(w, r, v, http.StatusOK, r.URL.Query().Get("outcome"))
	}
	found, err := h.Requests.Find(r.Context(), v.UserID, id)
	if errors.Is(err, ciba.ErrGone) {
		return h.gone(w, r, v, id)
	} else if err != nil {
		return err
	}
	return h.ask(w, r, v, found, http.StatusOK, nil)
}

// list shows what waits; outcome is that of a decision before: allowed, denied, gone, second_step, or of the switch: refusing,
// taking; else nothing.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, outcome string) error {
	list, err := h.Requests.Of(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	page := pages.Requests{Person: v.Person, Action: h.Browser.Path(path+"/refusal", nil)}
	since, err := h.Switch.Refuses(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	if !since.IsZero() {
		page.Refused = v.Person.At(since)
	}
	switch outcome {
	case "allowed", "denied", "gone", "second_step", "refusing", "taking":
		page.Outcome = outcome
	}
	for _, one := range list {
		page.Lines = append(page.Lines, pages.RequestConfirm{
			App: h.App(r.Context(), one.Request.ClientID), Message: one.Message, AskedAt: v.Person.At(one.AskedAt),
			Action: h.Browser.Path(at(one.ID), nil),
		})
	}
	return h.Pages.Render(w, r, status, page)
}

// gone says that a request is over, or leads to what came of it in this browser.
func (h *Handler) gone(w http.ResponseWriter, r *http.Request, v *browser.Visitor, id string) error {
	if ok, err := h.Login.FollowLink(w, r, decided(id)); ok || err != nil {
		return err
	}
	return h.list(w, r, v, http.StatusBadRequest, "gone")
}

// decided is what a decision is remembered by in its browser.
func decided(id string) string { return "request " + id }

// asked is what an app asks of the person.
func (h *Handler) asked(ctx context.Context, v *browser.Visitor, found ciba.Waiting) (approval.Decision, error) {
	return h.Approvals.Asked(ctx, v, approval.Waits{
		Request: found.Request, Kind: ledger.KindCIBA, Grant: clients.CIBA, AskedAt: found.AskedAt, CodeHash: found.ID, Until: found.Until,
	})
}

// ask shows who asks for what from where, with the boxes as given; nil = as the question has them.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, v *browser.Visitor, found ciba.Waiting, status int, ticked []string) error {
	d, err := h.asked(r.Context(), v, found)
	if errors.Is(err, approval.ErrGone) {
		return h.gone(w, r, v, found.ID)
	} else if err != nil {
		return err
	}
	if d.Weak(v) {
		done, err := h.Approvals.Stronger(w, r, v, at(found.ID))
		if done || err != nil {
			return err
		}
		return h.list(w, r, v, http.StatusForbidden, "second_step")
	}
	if done, err := h.Approvals.Wanted(w, r, v, d, at(found.ID)); done || err != nil {
		return err
	}
	if d.Old(v) {
		return h.Approvals.Again(w, r, flow.Request{MaxAge: found.Request.MaxAge}, at(found.ID))
	}
	page := pages.RequestConfirm{
		App: h.App(r.Context(), d.Client.ClientID), Person: v.Person, ID: found.ID, Message: found.Message, Action: h.Browser.Path(path, nil),
		NotYouURL: h.Browser.Path(path+"/account", nil), Network: found.Network, AskedAt: v.Person.At(found.AskedAt),
		Nothing: status != http.StatusOK, AccountURL: h.Browser.Path("/account/apps", nil),
		Details: login.Details(d.Details, d.Asked.Resources), DetailsDigest: d.Details.Digest(), Question: d.Question(),
		Acts: login.Agent(d.Prompt.Agent, v.Person),
	}
	page.Fixed, page.Choices, page.Resources = h.Approvals.Lines(d, ticked)
	page.Before, page.Kept = h.Approvals.Before(d, v)
	return h.Pages.Render(w, r, status, page)
}

// another lets somebody else sign in, who sees what waits for them.
func (h *Handler) another(w http.ResponseWriter, r *http.Request) error {
	return h.Approvals.Another(w, r, path)
}

// decide is the form's answer: the decision, the consent, the grant, the event and what the app is told are written together or not at all.
// A second click, and a decision in another tab, find nothing that waits.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	id := idOf(r.PostForm)
	v, err := h.Approvals.SignedIn(w, r, at(id))
	if v == nil || err != nil {
		return err
	}
	if !browser.ForVisitor(r, v) { // another tab has switched accounts: ask the one in view
		return h.Browser.Go(w, r, at(id), nil)
	}
	found, err := h.Requests.Find(r.Context(), v.UserID, id)
	outcome := "denied"
	switch {
	case err != nil:
	case r.PostForm.Get("decision") != "allow":
		err = h.deny(r.Context(), v, found)
	default:
		outcome, err = "allowed", h.allow(r.Context(), v, found, r.PostForm)
	}
	switch {
	case errors.Is(err, consent.ErrNothing):
		return h.ask(w, r, v, found, http.StatusBadRequest, append([]string{}, r.PostForm["scope"]...))
	case errors.Is(err, approval.ErrWeak), errors.Is(err, approval.ErrUnseen): // the page of the request says what is missing
		return h.Browser.Go(w, r, at(id), nil)
	case errors.Is(err, ciba.ErrGone), errors.Is(err, approval.ErrGone):
		return h.gone(w, r, v, id)
	case err != nil:
		return err
	}
	done := path + "?" + url.Values{"outcome": {outcome}}.Encode()
	if err := h.Login.LinkUsed(r, decided(id), v.UserID, "", done); err != nil {
		return err
	}
	return h.Browser.Go(w, r, done, nil)
}

// refuse is the switch: with it on, apps that name the person reach nobody, and what waits is denied.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	v, err := h.Approvals.SignedIn(w, r, at(""))
	if v == nil || err != nil {
		return err
	}
	outcome, name := "refusing", audit.RequestsRefused
	switch {
	case !browser.ForVisitor(r, v): // another tab has switched accounts: show what is so for the one in view
		return h.Browser.Go(w, r, path, nil)
	case r.PostForm.Get("refuse") != "1":
		outcome, name = "taking", audit.RequestsTaken
	}
	if err := h.Login.Pace(r, v); err != nil {
		return err
	}
	err = h.Login.Tx(r.Context(), func(ctx context.Context) error {
		since, err := h.Switch.Refuses(ctx, v.UserID)
		if err != nil || since.IsZero() != (outcome == "refusing") { // it is so already
			return err
		}
		if err := h.Switch.Refuse(ctx, v.UserID, outcome == "refusing"); err != nil {
			return err
		}
		return h.Audit.Record(ctx, audit.Event{Name: name, UserID: v.UserID, SessionID: v.SessionID})
	})
	if err != nil {
		return err
	}
	return h.Browser.Go(w, r, path+"?"+url.Values{"outcome": {outcome}}.Encode(), nil)
}

func (h *Handler) allow(ctx context.Context, v *browser.Visitor, found ciba.Waiting, form url.Values) error {
	d, err := h.asked(ctx, v, found)
	if err == nil {
		err = d.May(v, form)
	}
	if err != nil {
		return err
	}
	return h.Login.Tx(ctx, func(ctx context.Context) error {
		if err := h.Requests.Decide(ctx, found, v.UserID, true); err != nil {
			return err
		}
		if err := h.Approvals.Allow(ctx, v, d, form); err != nil {
			return err
		}
		return h.Audit.Record(ctx, h.event(audit.RequestApproved, v, found))
	})
}

func (h *Handler) deny(ctx context.Context, v *browser.Visitor, found ciba.Waiting) error {
	return h.Login.Tx(ctx, func(ctx context.Context) error {
		if err := h.Requests.Decide(ctx, found, v.UserID, false); err != nil {
			return err
		}
		return h.Audit.Record(ctx, h.event(audit.RequestDenied, v, found))
	})
}

// event tells where the app asked from.
func (h *Handler) event(name audit.Name, v *browser.Visitor, found ciba.Waiting) audit.Event {
	return audit.Event{
		Name: name, UserID: v.UserID, ClientID: found.Request.ClientID, SessionID: v.SessionID,
		Detail: map[string]string{"network": found.Network, "agent": found.Agent, "message": found.Message},
	}
}
