package device

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/ratelimit"
	"signet/oauth/consent"
	"signet/oauth/device"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/server/approval"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
)

// at is the page for a code that was read, or for none.
func at(code string) string {
	if code == "" {
		return path
	}
	return path + "?user_code=" + device.Spell(code)
}

// signedIn leads everybody else to where the dispatcher says, and back to the page for the code. nil: that was answered.
func (h *Handler) signedIn(w http.ResponseWriter, r *http.Request, code string) (*browser.Visitor, error) {
	return h.Approvals.SignedIn(w, r, at(code))
}

// show asks for the code, or, where the address has one, what is to become of the device that shows it.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	typed := r.URL.Query().Get("user_code")
	code := device.Read(typed)
	v, err := h.signedIn(w, r, code)
	if v == nil || err != nil {
		return err
	}
	if typed == "" || elsewhere(r) {
		return h.Pages.Render(w, r, http.StatusOK, pages.Device{Person: v.Person, Typed: login.Cut(typed)})
	}
	found, err := h.find(r.Context(), v, code)
	if err != nil {
		return h.wrong(w, r, v, typed, err)
	}
	return h.ask(w, r, v, found, http.StatusOK, nil)
}

// elsewhere: another site's page led here. It could lead here often, with wrong codes, and use up the tries of whoever looks at it; so its
// code is only written into the form (Fetch Metadata: Sec-Fetch-Site). What a camera or a terminal opens comes from no site.
func elsewhere(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return from != "" && from != "none" && from != "same-origin"
}

// typed leads to the page for the code of the form.
func (h *Handler) typed(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	typed := r.PostForm.Get("user_code")
	code := device.Read(typed)
	v, err := h.signedIn(w, r, code)
	if v == nil || err != nil {
		return err
	}
	if code == "" {
		return h.wrong(w, r, v, typed, device.ErrUnknown)
	}
	return h.Browser.Go(w, r, at(code), nil)
}

// find is the device of a code that a person typed. Wrong ones are counted, by person and by network: *ratelimit.Throttled. Where others
// in the network used up its tries (rule V05), the person's own are fewer.
func (h *Handler) find(ctx context.Context, v *browser.Visitor, code string) (device.Waiting, error) {
	if code == "" {
		return device.Waiting{}, device.ErrUnknown
	}
	limit := ratelimit.Limit{Window: time.Hour, First: 10 * time.Second, Max: 5 * time.Minute, OnSuccess: ratelimit.OwnTry}
	person, network, own := limit, limit, limit
	person.Key, person.Free = "device code "+v.UserID, 10
	network.Key, network.Free = "device code from "+audit.OriginOf(ctx).Network, 50
	own.Key, own.Free = "device code own "+v.UserID, 3
	mine, err := h.Limits.Charge(ctx, person)
	if err != nil {
		return device.Waiting{}, err
	}
	shared, err := h.Limits.ChargeOr(ctx, own, network)
	if err != nil {
		return device.Waiting{}, errors.Join(err, mine.Refund(ctx))
	}
	found, err := h.Requests.Find(ctx, code)
	if errors.Is(err, device.ErrUnknown) {
		return found, err
	}
	return found, errors.Join(err, mine.Refund(ctx), shared.Refund(ctx))
}

// wrong asks for the code again. One that was decided in this browser a while ago leads to what came of it.
func (h *Handler) wrong(w http.ResponseWriter, r *http.Request, v *browser.Visitor, typed string, err error) error {
	if code := device.Read(typed); code != "" && errors.Is(err, device.ErrUnknown) {
		if ok, followErr := h.Login.FollowLink(w, r, decided(code)); ok || followErr != nil {
			return followErr
		}
	}
	page := pages.Device{Person: v.Person, Typed: login.Cut(typed), Problem: "newdevice.missing"}
	status := http.StatusBadRequest
	if wait, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		page.Problem, status = "newdevice.throttled", http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.RetryAfter/time.Second)))
	} else if !errors.Is(err, device.ErrUnknown) {
		return err
	}
	return h.Pages.Render(w, r, status, page)
}

// asked is what an app on a device asks of the person.
func (h *Handler) asked(ctx context.Context, v *browser.Visitor, found device.Waiting) (approval.Decision, error) {
	waits := approval.Waits{Request: found.Request, Kind: ledger.KindDevice, Grant: clients.DeviceCode, AskedAt: found.AskedAt}
	waits.CodeHash, waits.Until = found.CodeHash()
	d, err := h.Approvals.Asked(ctx, v, waits)
	if errors.Is(err, approval.ErrGone) {
		err = errors.Join(device.ErrUnknown, err)
	}
	return d, err
}

// ask shows who asks for what from where, with the boxes as given; nil = as the question has them.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, v *browser.Visitor, found device.Waiting, status int, ticked []string) error {
	d, err := h.asked(r.Context(), v, found)
	if errors.Is(err, device.ErrUnknown) {
		return h.wrong(w, r, v, device.Spell(found.UserCode), err)
	} else if err != nil {
		return err
	}
	if d.Weak(v) {
		return h.stronger(w, r, v, found)
	}
	if done, err := h.Approvals.Wanted(w, r, v, d, at(found.UserCode)); done || err != nil {
		return err
	}
	if d.Old(v) {
		return h.Approvals.Again(w, r, flow.Request{MaxAge: found.Request.MaxAge}, at(found.UserCode))
	}
	page := pages.DeviceConfirm{
		App: h.App(r.Context(), d.Client.ClientID), Person: v.Person, Code: device.Spell(found.UserCode),
		Action:    h.Browser.Path(path+"/decide", nil),
		NotYouURL: h.Browser.Path(path+"/account?user_code="+device.Spell(found.UserCode), nil),
		Network:   found.Network, Near: near(r, found), Agent: found.Agent,
		AskedAt: v.Person.At(found.AskedAt), Nothing: status != http.StatusOK, AccountURL: h.Browser.Path("/account/apps", nil),
		Details: login.Details(d.Details, d.Asked.Resources), DetailsDigest: d.Details.Digest(), Question: d.Question(),
		Acts: login.Agent(d.Prompt.Agent, v.Person),
	}
	page.Fixed, page.Choices, page.Resources = h.Approvals.Lines(d, ticked)
	page.Before, page.Kept = h.Approvals.Before(d, v)
	return h.Pages.Render(w, r, status, page)
}

// near reports whether the device asked from where the person is: from the very address, or the /64. A network has neighbours, and what
// stands on the page must not speak for one of them (RFC 8628 section 5.4).
func near(r *http.Request, found device.Waiting) bool {
	return found.Address != "" && found.Address == audit.OriginOf(r.Context()).Host()
}

// stronger has the person sign in with the second factor that the app demands; who has none is told to set one up.
func (h *Handler) stronger(w http.ResponseWriter, r *http.Request, v *browser.Visitor, found device.Waiting) error {
	done, err := h.Approvals.Stronger(w, r, v, at(found.UserCode))
	if done || err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusForbidden, pages.Device{Person: v.Person, Problem: "newdevice.second_step"})
}

// another lets somebody else sign in, who comes back to the page for the code.
func (h *Handler) another(w http.ResponseWriter, r *http.Request) error {
	return h.Approvals.Another(w, r, at(device.Read(r.URL.Query().Get("user_code"))))
}

// decide is the form's answer: the decision, the consent, the grant and the event are written together or not at all. A second click, and
// a decision in another tab, find nothing that waits.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	typed := r.PostForm.Get("user_code")
	code := device.Read(typed)
	v, err := h.signedIn(w, r, code)
	if v == nil || err != nil {
		return err
	}
	if !browser.ForVisitor(r, v) { // another tab has switched accounts: ask the one in view
		return h.Browser.Go(w, r, at(code), nil)
	}
	found, err := h.find(r.Context(), v, code)
	if err != nil {
		return h.wrong(w, r, v, typed, err)
	}
	if r.PostForm.Get("decision") != "allow" {
		err = h.deny(r.Context(), v, found)
	} else {
		err = h.allow(r.Context(), v, found, r.PostForm)
	}
	switch {
	case errors.Is(err, consent.ErrNothing):
		return h.ask(w, r, v, found, http.StatusBadRequest, append([]string{}, r.PostForm["scope"]...))
	case errors.Is(err, approval.ErrWeak), errors.Is(err, approval.ErrUnseen): // the page for the code says what is missing, or is asked for
		return h.Browser.Go(w, r, at(code), nil)
	case errors.Is(err, device.ErrUnknown):
		return h.wrong(w, r, v, typed, err)
	case err != nil:
		return err
	}
	outcome := "denied"
	if r.PostForm.Get("decision") == "allow" {
		outcome = "allowed"
	}
	done := path + "/done?" + url.Values{"outcome": {outcome}}.Encode()
	if err := h.Login.LinkUsed(r, decided(code), v.UserID, "", done); err != nil {
		return err
	}
	return h.Browser.Go(w, r, done, nil)
}

// decided is what a decision is remembered by in its browser.
func decided(code string) string { return "device " + code }

func (h *Handler) allow(ctx context.Context, v *browser.Visitor, found device.Waiting, form url.Values) error {
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
		return h.Audit.Record(ctx, h.event(audit.DeviceApproved, v, found))
	})
}

func (h *Handler) deny(ctx context.Context, v *browser.Visitor, found device.Waiting) error {
	return h.Login.Tx(ctx, func(ctx context.Context) error {
		if err := h.Requests.Decide(ctx, found, v.UserID, false); err != nil {
			return err
		}
		return h.Audit.Record(ctx, h.event(audit.DeviceDenied, v, found))
	})
}

// event tells where the device asked from, which need not be where its person is.
func (h *Handler) event(name audit.Name, v *browser.Visitor, found device.Waiting) audit.Event {
	return audit.Event{
		Name: name, UserID: v.UserID, ClientID: found.Request.ClientID, SessionID: v.SessionID,
		Detail: map[string]string{"network": found.Network, "agent": found.Agent},
	}
}

// done says what came of it. The address is only words: it decides nothing.
func (h *Handler) done(w http.ResponseWriter, r *http.Request) error {
	v, err := h.signedIn(w, r, "")
	if v == nil || err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK,
		pages.DeviceDone{Person: v.Person, Allowed: r.URL.Query().Get("outcome") == "allowed", AccountURL: h.Browser.Path("/account/apps", nil)})
}
