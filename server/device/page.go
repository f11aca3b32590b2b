package device

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/ratelimit"
	"signet/oauth"
	"signet/oauth/consent"
	"signet/oauth/device"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
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
	s, err := h.Login.Plain(r)
	if err != nil {
		return nil, err
	}
	if s.Is(flow.Finish) {
		return s.Visitor, nil
	}
	s.In.EndsAt = at(code)
	if err := h.Login.Ensure(w, r, s); err != nil {
		return nil, err
	}
	return nil, h.Login.GoOn(w, r, s)
}

// show asks for the code, or, where the address has one, what is to become of the device that shows it.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	typed := r.URL.Query().Get("user_code")
	code := device.Read(typed)
	v, err := h.signedIn(w, r, code)
	if v == nil || err != nil {
		return err
	}
	if typed == "" {
		return h.Pages.Render(w, r, http.StatusOK, pages.Device{Person: v.Person})
	}
	found, err := h.find(r.Context(), v, code)
	if err != nil {
		return h.wrong(w, r, v, typed, err)
	}
	return h.ask(w, r, v, found, http.StatusOK, nil)
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

// find is the device of a code that a person typed. Wrong ones are counted, by person and by network: *ratelimit.Throttled.
func (h *Handler) find(ctx context.Context, v *browser.Visitor, code string) (device.Waiting, error) {
	if code == "" {
		return device.Waiting{}, device.ErrUnknown
	}
	lane := ratelimit.Lane{Window: time.Hour, First: 10 * time.Second, Max: 5 * time.Minute, OnSuccess: ratelimit.OwnTry}
	person, network := lane, lane
	person.Key, person.Free = "device code "+v.UserID, 10
	network.Key, network.Free = "device code from "+audit.OriginOf(ctx).Network, 50
	own := person // where others in the network used up its tries (rule V05)
	own.Key, own.Free = "device code own "+v.UserID, 3
	charge, err := h.Limits.ChargeOr(ctx, own, person, network)
	if err != nil {
		return device.Waiting{}, err
	}
	found, err := h.Requests.Find(ctx, code)
	if errors.Is(err, device.ErrUnknown) {
		return found, err
	}
	return found, errors.Join(err, charge.Refund(ctx))
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

// asked is what an app on a device asks of the person, and its client.
func (h *Handler) asked(ctx context.Context, v *browser.Visitor, found device.Waiting) (consent.Asked, consent.Question, error) {
	a := consent.Asked{Request: found.Request, Resources: h.Resources()}
	c, err := h.Login.Client(ctx, found.Request.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!c.Enabled() || !c.HasGrant(clients.DeviceCode)) {
		return a, consent.Question{}, &web.PageError{
			Status: http.StatusBadRequest, Kind: "client_disabled", Args: map[string]string{"Client": found.Request.ClientID}, Cause: err,
		}
	} else if err != nil {
		return a, consent.Question{}, err
	}
	a.Client = c
	row, err := h.Book.Read(ctx, v.UserID, c.ClientID)
	if err != nil {
		return a, consent.Question{}, err
	}
	q := consent.Ask(a, row)
	if q.Nothing() {
		return a, q, &web.PageError{Status: http.StatusBadRequest, Kind: "expired"}
	}
	return a, q, nil
}

// ask shows who asks for what from where, with the boxes as given; nil = as the question has them.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, v *browser.Visitor, found device.Waiting, status int, ticked []string) error {
	a, q, err := h.asked(r.Context(), v, found)
	if err != nil {
		return err
	}
	if weak(a, v) {
		return h.stronger(w, r, v, found)
	}
	if old(a, v) {
		return h.again(w, r, flow.Request{MaxAge: found.Request.MaxAge}, found)
	}
	if ticked == nil {
		ticked = q.Ticked
	}
	page := pages.DeviceConfirm{
		App: h.App(r.Context(), a.Client.ClientID), Person: v.Person, Code: device.Spell(found.UserCode),
		Action:    h.Browser.Path(path+"/decide", nil),
		NotYouURL: h.Browser.Path(path+"/account?user_code="+device.Spell(found.UserCode), nil),
		Network:   found.Network, Near: near(r, found), Agent: found.Agent,
		AskedAt: v.Person.At(found.AskedAt), Nothing: status != http.StatusOK, AccountURL: h.Browser.Path("/account/apps", nil),
		Details: login.Details(q.Details, a.Resources), DetailsDigest: q.Details.Digest(),
	}
	for _, scope := range q.Fixed {
		if scope != "openid" || len(q.Fixed) == 1 {
			page.Fixed = append(page.Fixed, h.Scope(scope, q.Resources))
		}
	}
	for _, scope := range q.Choices {
		line := h.Scope(scope, q.Resources)
		line.Checked, line.LeftOut = slices.Contains(ticked, scope), slices.Contains(q.LeftOut, scope)
		page.Choices = append(page.Choices, line)
	}
	for _, id := range q.Resources {
		if api, ok := a.Resources.Find(id); ok {
			page.Resources = append(page.Resources, cmp.Or(api.Name, api.Identifier))
		}
	}
	return h.Pages.Render(w, r, status, page)
}

// near reports whether the device asked from where the person is: from the very address, or the /64. A network has neighbours, and what
// stands on the page must not speak for one of them (RFC 8628 section 5.4).
func near(r *http.Request, found device.Waiting) bool {
	return found.Address != "" && found.Address == audit.OriginOf(r.Context()).Host()
}

// stronger has the person sign in with the second step that the app demands; who has none is told to set one up.
func (h *Handler) stronger(w http.ResponseWriter, r *http.Request, v *browser.Visitor, found device.Waiting) error {
	need, err := h.Login.Stronger(r.Context(), v)
	if err != nil {
		return err
	}
	if !need {
		return h.Pages.Render(w, r, http.StatusForbidden, pages.Device{Person: v.Person, Problem: "newdevice.second_step"})
	}
	return h.again(w, r, flow.Request{ACRValues: []string{flow.ACRMulti}}, found)
}

// again has the person sign in as the request says, and leads back to the page for the code.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, how flow.Request, found device.Waiting) error {
	in, err := h.Browser.BeginAt(w, r, flow.PurposeAccount, how, at(found.UserCode))
	if err != nil {
		return err
	}
	return h.Browser.Go(w, r, "/signin", &in)
}

// weak: the app, or a resource of its tokens, demands a stronger sign-in than the person's.
func weak(a consent.Asked, v *browser.Visitor) bool {
	demanded := a.Demanded()
	return demanded != "" && !flow.Reaches(v.ACR, demanded)
}

// old: a resource of its tokens demands a younger sign-in. A minute is for reading the page.
func old(a consent.Asked, v *browser.Visitor) bool {
	age := a.Request.MaxAge
	return age != nil && time.Since(v.AuthTime) > time.Duration(*age)*time.Second+time.Minute
}

// another lets somebody else sign in, who comes back to the page for the code.
func (h *Handler) another(w http.ResponseWriter, r *http.Request) error {
	in, err := h.Browser.BeginAt(w, r, flow.PurposeAccount, flow.Request{}, at(device.Read(r.URL.Query().Get("user_code"))))
	if err != nil {
		return err
	}
	return web.Redirect(w, r, h.Login.Another(in))
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
	case errors.Is(err, errWeak), errors.Is(err, errUnseen): // the page for the code says what is missing, or is asked for
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

// errWeak: the person has to sign in again, with a second step, or because it is too long ago.
var errWeak = errors.New("signed in too weakly, or too long ago")

// errUnseen: the page said other authorization details than are asked for now, or none.
var errUnseen = errors.New("authorization details that were not shown")

func (h *Handler) allow(ctx context.Context, v *browser.Visitor, found device.Waiting, form url.Values) error {
	a, q, err := h.asked(ctx, v, found)
	if err != nil {
		return err
	}
	if weak(a, v) || old(a, v) {
		return errWeak
	}
	if form.Get("details") != q.Details.Digest() {
		return errUnseen
	}
	return h.Login.Tx(ctx, func(ctx context.Context) error {
		if err := h.Requests.Decide(ctx, found, v.UserID, true); err != nil {
			return err
		}
		allowed, err := h.Book.Allow(ctx, consent.Decision{Asked: a, UserID: v.UserID, Ticked: form["scope"]})
		if err != nil {
			return err
		}
		hash, until := found.CodeHash()
		err = h.Provider.Approve(ctx, oauth.Approval{
			Authorization: oauth.Authorization{
				Request: found.Request, Client: a.Client, UserID: v.UserID, User: v.User, UserEpoch: v.UserEpoch, ConsentEpoch: allowed.Epoch,
				AuthTime: v.AuthTime, ACR: v.ACR, AMR: v.AMR, Scopes: allowed.Granted, Details: q.Details,
			},
			Kind: ledger.KindDevice, CodeHash: hash, Until: until,
		})
		if err != nil {
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
