package authorize

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signet/internal/ratelimit"
	"signet/internal/telemetry"
	"signet/oauth/flow"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// startPost sends a POSTed request on as a GET (OpenID Connect Core section 3.1.2.1), so that cookies come along. What is too long
// for an address comes again from a page of ours that sends it by itself; that one is taken in as it is.
func (h *Handler) startPost(w http.ResponseWriter, r *http.Request) error {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media),
		"application/x-www-form-urlencoded") {
		return &web.PageError{Status: http.StatusUnsupportedMediaType, Kind: "invalid_request"}
	}
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	for name, values := range r.URL.Query() { // parameters may be split over both; a name in both is a repetition
		r.PostForm[name] = append(r.PostForm[name], values...)
	}
	if r.PostForm.Has(pages.Again) && web.OwnForm(r) {
		r.PostForm.Del(pages.Again)
		return h.take(w, r, r.PostForm)
	}
	r.PostForm.Del(pages.Again)
	if web.Bounces(h.Browser.Path("/oauth2/authorize", nil), r.PostForm) {
		return web.BounceToGET(w, r, h.Browser.Path("/oauth2/authorize", nil), r.PostForm)
	}
	return h.sendAgain(w, r, r.PostForm)
}

// sendAgain shows the page that sends a form to the endpoint by itself.
func (h *Handler) sendAgain(w http.ResponseWriter, r *http.Request, form url.Values) error {
	return h.Pages.Render(w, r, http.StatusOK, pages.SendAgain(h.Browser.Path("/oauth2/authorize", nil), form))
}

// start takes an authorization request in. A person who is signed in and has agreed before is sent back at once; for all others
// the request becomes an interaction.
func (h *Handler) start(w http.ResponseWriter, r *http.Request) error {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	return h.take(w, r, form)
}

// take is start of the parameters.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, form url.Values) error {
	form.Del("lang") // the footer's language links
	again := form.Has(browser.CookieShown)
	form.Del(browser.CookieShown)
	req, _, err := h.Requests.Authorize(r.Context(), form)
	if err != nil {
		return h.refuseRequest(w, r, err)
	}
	r = r.WithContext(pages.WithLocales(r.Context(), req.UILocales))
	now := time.Now()
	in := flow.Interaction{Purpose: flow.PurposeAuthorize, Request: req, CreatedAt: now, ExpiresAt: now}
	s, step, behind, err := h.begun(w, r, in)
	if s == nil {
		return err
	}
	if err != nil || step == flow.Finish {
		return h.lead(w, r, s)
	}
	if s.In, err = h.Browser.Begin(w, r, flow.PurposeAuthorize, req); errors.Is(err, browser.ErrTooLarge) {
		return h.refuseRequest(w, r, &request.Redirectable{Refusal: refusal.InvalidRequest("The request is too large."), Client: s.Client,
			RedirectURI: req.RedirectURI, ResponseMode: req.ResponseMode})
	} else if err != nil {
		return h.notBegun(w, r, err, again, form)
	}
	if req.Pushed != "" {
		if err := h.Pushes.Begin(r.Context(), req.Pushed, s.In.ExpiresAt.Add(afterwards)); err != nil {
			return h.used(w, r, req, err)
		}
	}
	if behind { // the person says so themselves before another account comes into view
		return h.Login.ToStep(w, r, s, flow.ChooseAccount)
	}
	return h.lead(w, r, s)
}

// begun finds out who the request is about and what comes next; without a state the error is the server's. Where nothing may be shown, a
// login_hint counts for an account behind the one in view only if the app gets an answer about it: else it would learn by guessing who
// else uses this browser.
func (h *Handler) begun(w http.ResponseWriter, r *http.Request, in flow.Interaction) (s *login.State, step flow.Step, behind bool,
	err error) {
	v, behind, err := h.hinted(w, r, in)
	if err != nil {
		return nil, 0, false, err
	}
	if s, err = h.Login.Begun(r, in, v); err != nil {
		return nil, 0, false, err
	}
	step, err = s.Step()
	if step == flow.Finish || !behind || !in.Request.Prompted("none") || in.Request.NamesPerson() {
		return s, step, behind, err
	}
	if v, err = h.Browser.Visitor(r); err == nil {
		s, err = h.Login.Begun(r, in, v)
	}
	if err != nil {
		return nil, 0, false, err
	}
	step, err = s.Step()
	return s, step, false, err
}

// notBegun sends a browser without a cookie round once where its network has begun too much (rule V06); one that keeps none is told so.
func (h *Handler) notBegun(w http.ResponseWriter, r *http.Request, err error, again bool, form url.Values) error {
	if !errors.Is(err, browser.ErrCookieFirst) {
		return err
	}
	if again {
		return browser.NoCookies()
	}
	if r.Method == http.MethodPost {
		form.Set(browser.CookieShown, "1")
		return h.sendAgain(w, r, form)
	}
	return web.Redirect(w, r, h.Browser.Path("/oauth2/authorize", nil)+"?"+r.URL.RawQuery+"&"+browser.CookieShown+"=1")
}

// refuseRequest answers a request that is not in order: on our own page as long as the redirect URI is not to be trusted (RFC
// 6749 section 4.1.2.1), else at the client.
func (h *Handler) refuseRequest(w http.ResponseWriter, r *http.Request, err error) error {
	if bad, ok := errors.AsType[*request.PageOnly](err); ok {
		telemetry.Add(r.Context(), telemetry.Sent("client_id", bad.ClientID))
		if bad.Registered != nil {
			telemetry.Add(r.Context(), slog.String("client_id", bad.ClientID),
				telemetry.URI("redirect_uri", bad.Received), telemetry.URIs("registered_uris", bad.Registered))
		}
		return toPage(bad)
	}
	if bad, ok := errors.AsType[*request.Redirectable](err); ok {
		if page, err := h.lookedAt(r, bad); err != nil {
			return err
		} else if page != nil {
			return page
		}
		req := flow.Request{ClientID: bad.Client.ClientID, RedirectURI: bad.RedirectURI, State: bad.State, ResponseMode: bad.ResponseMode}
		return h.answerRefusal(w, r, req, bad.Refusal)
	}
	return err
}

func toPage(bad *request.PageOnly) error {
	page := &web.PageError{Status: http.StatusBadRequest, Kind: bad.Kind, Cause: bad, Args: map[string]string{}}
	if bad.Client != nil {
		pages.App{Name: bad.Client.ClientName, Localized: bad.Client.Localized}.Call(page.Args, "Client")
	}
	page.Facts = append(page.Facts, web.Fact{Name: "Error", Value: cmp.Or(bad.Code, "invalid_request")})
	if wait, ok := errors.AsType[*ratelimit.Throttled](bad); ok {
		page.Status, page.RetryAfter = http.StatusTooManyRequests, wait.RetryAfter
	}
	if no, ok := errors.AsType[*refusal.Refusal](bad); ok && bad.Client == nil {
		page.Facts = append(page.Facts, web.Fact{Name: "Reason", Value: no.Description})
	} else if bad.Kind == "no_document" {
		page.Facts = append(page.Facts, web.Fact{Name: "Reason", Value: cut(bad.Cause.Error())})
	}
	if bad.Registered != nil {
		page.Facts = append(page.Facts, web.Fact{Name: "Received", Value: cut(bad.Received)})
		for _, u := range bad.Registered {
			page.Facts = append(page.Facts, web.Fact{Name: "Registered", Value: u})
		}
	}
	return page
}

func cut(s string) string {
	if s == "" {
		return "(none)"
	}
	return strings.ToValidUTF8(s[:min(len(s), 256)], "")
}
