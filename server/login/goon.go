package login

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/web"
)

// GoOn leads to where the dispatcher says: the page of the step that is due, the app's answer, or the page of ours that was asked for.
func (l *Login) GoOn(w http.ResponseWriter, r *http.Request, s *State) error {
	switch {
	case s.In.Purpose == flow.PurposeAuthorize && (s.refused != nil || s.step == flow.Finish):
		return l.Browser.Go(w, r, dispatcherPath, &s.In)
	case s.refused != nil:
		return s.refused
	case s.step != flow.Finish:
		return l.ToStep(w, r, s, s.step)
	}
	if err := l.Browser.End(r.Context(), s.In); err != nil {
		return err
	}
	if s.Late { // what the person came for is not known any more: they are told
		return l.Browser.Go(w, r, homePath+"?done=late", nil)
	}
	return l.Browser.Go(w, r, cmp.Or(s.In.EndsAt, homePath), nil)
}

// ToStep leads to a step's page.
func (l *Login) ToStep(w http.ResponseWriter, r *http.Request, s *State, step flow.Step) error {
	return l.Browser.Go(w, r, paths[step], &s.In)
}

// Continue is GoOn after something was done: what was loaded is judged anew. v is who is signed in by now.
func (l *Login) Continue(w http.ResponseWriter, r *http.Request, s *State, v *browser.Visitor) error {
	if s.In.Purpose == flow.PurposeAuthorize {
		return l.Browser.Go(w, r, dispatcherPath, &s.In) // which loads it
	}
	s.Visitor, s.Leaving = v, nil
	if v != nil && !v.User.EraseAt.IsZero() {
		s.Visitor, s.Leaving = nil, v
	}
	if err := l.assess(r, s); err != nil {
		return err
	}
	return l.GoOn(w, r, s)
}

// Onward is where Continue would lead for who is signed in, as a link for a page in between.
func (l *Login) Onward(s *State) string {
	if s.In.Purpose == flow.PurposeAuthorize {
		return l.Browser.Path(dispatcherPath, &s.In)
	}
	if s.In.ID != "" && s.step != flow.Finish {
		return l.Browser.Path(paths[flow.SignIn], &s.In) // which goes on
	}
	return l.Browser.Path(cmp.Or(s.In.EndsAt, homePath), nil)
}

// CancelURL is the link that cancels; "" where there is no app to go back to.
func (l *Login) CancelURL(s *State) string {
	if s.In.Purpose != flow.PurposeAuthorize {
		return ""
	}
	return WithQuery(l.Path(flow.SignIn, s.In), "cancel=1")
}

// Cancel goes back to the app with access_denied.
func (l *Login) Cancel(w http.ResponseWriter, r *http.Request, s *State) error {
	if err := l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.Cancelled = true }); err != nil {
		return err
	}
	return l.Browser.Go(w, r, dispatcherPath, &s.In)
}

// Fail tells on a step's page what went wrong on this one. The problem is kept in the row, which is made if there is none: but not for
// a browser that sends no cookie, or pages of others could have rows made without end by naming our addresses. Where somebody else is
// to sign in (State.Other), the sign-in page is shown although somebody is signed in.
func (l *Login) Fail(w http.ResponseWriter, r *http.Request, s *State, step flow.Step, problem flow.Problem) error {
	if s.In.ID == "" && !l.Browser.Bound(r) {
		return browser.NoCookies()
	}
	if err := l.Ensure(w, r, s); err != nil {
		return err
	}
	if err := l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.Problem = &problem }); err != nil {
		return err
	}
	if step == flow.SignIn && s.Other {
		return web.Redirect(w, r, l.Another(s.In))
	}
	return l.ToStep(w, r, s, step)
}

// Ensure gives a plain sign-in a row, where there is something to remember.
func (l *Login) Ensure(w http.ResponseWriter, r *http.Request, s *State) (err error) {
	if s.In.ID != "" {
		return nil
	}
	progress := s.In.Progress
	if s.In, err = l.Browser.BeginAt(w, r, cmp.Or(s.In.Purpose, flow.PurposeAccount), s.In.Request, s.In.EndsAt); err != nil {
		return err
	}
	if progress.UserID == "" && progress.PendingIdentity == "" {
		return nil
	}
	return l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { *p = progress })
}

// Confirm has the person signed in prove again who they are, and leads back to a page of ours then.
func (l *Login) Confirm(w http.ResponseWriter, r *http.Request, page string) error {
	in, err := l.Browser.BeginConfirm(w, r, page)
	if err != nil {
		return err
	}
	return l.Browser.Go(w, r, paths[flow.SignIn], &in)
}

// Over is the page of an app's request that has had all its answers, or took too long.
func (l *Login) Over(ctx context.Context, s *State) error {
	return l.over(ctx, s.In, "answered", http.StatusConflict)
}

// over says so, and offers a link back to the app where the answer may still go there: never a redirect by itself.
func (l *Login) over(ctx context.Context, in flow.Interaction, kind string, status int) error {
	page := &web.PageError{Status: status, Kind: kind, Args: map[string]string{}}
	app := l.App(ctx, in.Request.ClientID, in.Request.RedirectURI)
	if app == nil {
		page.Kind = "expired"
		return page
	}
	app.Call(page.Args, "Client")
	if _, err := l.app(ctx, in.Request); err == nil {
		app.Call(page.Args, "App")
		page.Back = l.Browser.Path(returnPath, &in)
	}
	return page
}

// Back is the request whose page offers the link back to the app: it is over, or has had its answers, and its app still has the
// address. Everything else is an error.
func (l *Login) Back(r *http.Request) (flow.Interaction, error) {
	in, err := l.Browser.Interaction(r)
	if err != nil {
		return in, err
	}
	if in.Purpose != flow.PurposeAuthorize || !in.Over && in.Progress.Answers == 0 {
		return in, &web.PageError{Status: http.StatusBadRequest, Kind: "expired"}
	}
	_, err = l.app(r.Context(), in.Request)
	return in, err
}

// Accepted is Continue after the person signed in accepted the terms of service.
func (l *Login) Accepted(w http.ResponseWriter, r *http.Request, s *State) error {
	if s.In.Purpose == flow.PurposeAuthorize {
		return l.Browser.Go(w, r, dispatcherPath, &s.In)
	}
	s.seen.TermsDue = false
	s.step, s.refused = flow.Next(s.In, s.seen, time.Now())
	return l.GoOn(w, r, s)
}
