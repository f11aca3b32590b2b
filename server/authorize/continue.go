package authorize

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"signet/oauth"
	"signet/oauth/claims"
	"signet/oauth/details"
	"signet/oauth/flow"
	"signet/oauth/refusal"
	"signet/server/login"
	"signet/server/pages"
	"signet/storage"
)

// answerTries is how often an answer starts again because another tab was quicker: each of a browser's may be once, with an answer of
// its own or with what it notes before.
const answerTries = 24

// proceed is where every step of an app's request comes back to: it leads to the next one, or answers the app.
func (h *Handler) proceed(w http.ResponseWriter, r *http.Request) error {
	for range answerTries {
		s, err := h.Login.LoadRequest(r)
		if err != nil {
			return err
		}
		r := r.WithContext(pages.WithLocales(r.Context(), s.In.Request.UILocales))
		if s, err = h.inView(w, r, s); err != nil {
			return err
		}
		if err = h.lead(w, r, s); !errors.Is(err, storage.ErrStale) {
			return err
		}
	}
	return storage.ErrStale
}

// lead goes to the step that is due, or answers. storage.ErrStale: another tab was quicker; look again.
func (h *Handler) lead(w http.ResponseWriter, r *http.Request, s *login.State) error {
	note(r, s)
	step, err := s.Step()
	switch {
	case err != nil:
		return h.refuse(w, r, s, err)
	case step == flow.Finish:
		return h.finish(w, r, s)
	}
	return h.Login.ToStep(w, r, s, step)
}

// finish makes the grant and answers the app, in one transaction where the request has a row: of two tabs one is the first. The code
// of an earlier answer that nobody has used gives way to the new one, in the same grant.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, s *login.State) error {
	v := s.Visitor
	scopes, param := granted(s)
	particular := grantedDetails(s)
	if len(scopes)+len(particular) == 0 {
		return h.refuse(w, r, s, refusal.AccessDenied("The person allowed none of the scopes."))
	}
	if !s.In.Progress.Answerable(v.UserID) {
		return h.Login.Over(r.Context(), s)
	}
	ready, err := h.Provider.Prepare(r.Context(), oauth.Authorization{
		Replaces: s.In.Progress.GrantID, Request: s.In.Request, Client: s.Client, UserID: v.UserID, User: v.User, SessionID: v.SessionID,
		UserEpoch: v.UserEpoch, ConsentEpoch: s.Prompt.Epoch, AuthTime: v.AuthTime, ACR: flow.Answer(s.In.Request, v.ACR, s.Demanded()),
		AMR:    v.AMR,
		Scopes: scopes, Claims: param, Details: particular,
	})
	if err == nil {
		err = h.write(r.Context(), s, ready)
	}
	if no, ok := errors.AsType[*refusal.Refusal](err); ok && no.Status < 500 {
		return h.answerRefusal(w, r, s.In.Request, no)
	}
	if err != nil {
		return err
	}
	return h.answer(w, r, s.In.Request, ready.Answer)
}

// write makes what was prepared good, and notes in the same transaction that the request was answered, where it has a row.
func (h *Handler) write(ctx context.Context, s *login.State, ready *oauth.Prepared) error {
	both := func(ctx context.Context) error {
		if err := h.use(ctx, s.In); err != nil {
			return err
		}
		if err := h.Provider.Grant(ctx, ready); err != nil {
			return err
		}
		return h.Browser.Answer(ctx, s.In, func(p *flow.Progress) {
			p.Answers, p.AnsweredTo, p.GrantID = p.Answers+1, s.Visitor.UserID, ready.GrantID
		})
	}
	if s.In.ID == "" && s.In.Request.Pushed == "" {
		return both(ctx)
	}
	return h.Tx(ctx, both)
}

// granted are the scopes and claims that the person agreed to: those remembered, and where they answered the question in this very
// request, of those only what they allowed then (rule V02).
func granted(s *login.State) ([]string, claims.Param) {
	scopes, param, p := s.Prompt.Granted(), s.Prompt.GrantedClaims(), s.In.Progress
	if p.DecidedAt.IsZero() || p.UserID != s.Visitor.UserID {
		return scopes, param
	}
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return !slices.Contains(p.Granted, scope) })
	return scopes, param.Within(p.Granted)
}

// grantedDetails are the authorization details that the person allowed in this very request; of an app that nobody is asked for, all.
func grantedDetails(s *login.State) details.List {
	p, asked := s.In.Progress, s.Prompt.Details
	if p.DecidedAt.IsZero() && s.Client.SkipsConsent() {
		return asked
	}
	if p.UserID != s.Visitor.UserID || p.Details != asked.Digest() {
		return nil
	}
	return asked
}

// refuse answers the app with an error. What is not a refusal goes to the border.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *login.State, err error) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok {
		return err
	}
	who := s.In.Progress.AnsweredTo
	if !s.In.Progress.Answerable(who) {
		return h.Login.Over(r.Context(), s)
	}
	note := func(ctx context.Context) error {
		if err := h.use(ctx, s.In); err != nil {
			return err
		}
		return h.Browser.Answer(ctx, s.In, func(p *flow.Progress) { p.Answers, p.AnsweredTo, p.GrantID = p.Answers+1, who, "" })
	}
	if s.In.ID != "" && s.In.Request.Pushed != "" {
		err = h.Tx(r.Context(), note)
	} else {
		err = note(r.Context())
	}
	if err != nil {
		return h.used(w, r, s.In.Request, err)
	}
	return h.answerRefusal(w, r, s.In.Request, no)
}

// giveBack is the link on the page of a request that is over: back to the app, which is told that nothing came of it.
func (h *Handler) giveBack(w http.ResponseWriter, r *http.Request) error {
	in, err := h.Login.Back(r)
	if err != nil {
		return err
	}
	return h.answerRefusal(w, r, in.Request, refusal.AccessDenied("The request took too long, or was answered before."))
}
