package authorize

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/oauth/refusal"
	"signet/server/pages"
	"signet/server/web"
)

// resume is the dispatcher: every step comes back here, and here alone it is decided what comes next.
func (h *Handler) resume(w http.ResponseWriter, r *http.Request) error {
	in, err := h.Browser.Interaction(r)
	if err != nil {
		return err
	}
	r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
	s := &state{in: in}
	if s.client, err = h.enabled(r.Context(), in.Request); err != nil { // it may have changed since (H22)
		return err
	}
	if s.visitor, err = h.hinted(w, r, in); err != nil {
		return err
	}
	step, err := h.next(r, s)
	switch {
	case err != nil:
		return h.refuse(w, r, s, err)
	case step == flow.Finish:
		return h.finish(w, r, s)
	}
	return h.show(w, r, s, step)
}

func (h *Handler) enabled(ctx context.Context, req flow.Request) (*clients.Client, error) {
	c, err := h.Requests.Clients.Client(ctx, req.ClientID)
	switch {
	case errors.Is(err, clients.ErrUnknown):
		return nil, &web.PageError{Status: http.StatusBadRequest, Kind: "unknown_client", Cause: err}
	case err != nil:
		return nil, err
	case !c.Enabled():
		return nil, &web.PageError{Status: http.StatusBadRequest, Kind: "client_disabled", Args: map[string]string{"Client": c.ClientName}}
	}
	if _, ok := c.MatchRedirect(req.RedirectURI); !ok {
		return nil, &web.PageError{Status: http.StatusBadRequest, Kind: "redirect_mismatch", Args: map[string]string{"Client": c.ClientName}}
	}
	return c, nil
}

// next gathers facts and asks flow.Next. The consent row is read only when nothing else is in the way.
func (h *Handler) next(r *http.Request, s *state) (flow.Step, error) {
	var seen flow.Seen
	if s.visitor != nil {
		seen.UserID, seen.AuthTime, seen.ACR = s.visitor.UserID, s.visitor.AuthTime, s.visitor.ACR
		seen.TermsDue = h.TermsDue(s.visitor.User)
		if s.client.RequireSecondFactor {
			seen.Required = flow.ACRMulti
		}
		if s.in.Wanting(seen) {
			var err error
			if seen.Reachable, err = h.Reachable(r.Context(), seen.UserID); err != nil {
				return 0, err
			}
		}
	}
	step, err := flow.Next(s.in, seen, time.Now())
	if err != nil || step != flow.Finish {
		return step, err
	}
	row, err := h.Consents.Read(r.Context(), seen.UserID, s.client.ClientID)
	if err != nil {
		return 0, err
	}
	s.question = consent.Ask(s.client, s.in.Request, row)
	seen.ConsentNeeded = s.question.Needed
	return flow.Next(s.in, seen, time.Now())
}

// show sends the browser to the step's page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, s *state, step flow.Step) error {
	telemetry.Add(r.Context(), slog.String("client", s.client.ClientID))
	path := map[flow.Step]string{flow.SignIn: "/signin", flow.ChooseAccount: "/choose", flow.Terms: "/terms", flow.Consent: "/consent"}[step]
	return h.Browser.Go(w, r, path, &s.in)
}

// finish spends the interaction and makes the grant, in one transaction where there is an interaction: of a double click one wins.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, s *state) error {
	granted := s.question.Granted()
	if len(granted) == 0 {
		return h.refuse(w, r, s, refusal.AccessDenied("The person allowed none of the scopes."))
	}
	a := oauth.Authorization{Request: s.in.Request, Client: s.client, UserID: s.visitor.UserID, SessionID: s.visitor.SessionID,
		UserEpoch: s.visitor.UserEpoch, ConsentEpoch: s.question.Epoch, AuthTime: s.visitor.AuthTime,
		ACR: flow.Answer(s.in.Request, s.visitor.ACR), AMR: s.visitor.AMR, Scopes: granted, Claims: s.question.GrantedClaims()}
	var code string
	issue := func(ctx context.Context) error {
		if err := h.Browser.Finish(ctx, s.in); err != nil {
			return err
		}
		params, err := h.Provider.Authorize(ctx, a)
		code = params.Get("code")
		return err
	}
	err := error(nil)
	if s.in.ID == "" {
		err = issue(r.Context())
	} else {
		err = h.Tx(r.Context(), issue)
	}
	if r2, ok := errors.AsType[*refusal.Refusal](err); ok && r2.Status < 500 {
		return h.answerRefusal(w, r, s.in.Request, r2)
	}
	if err != nil {
		return err
	}
	return h.answer(w, r, s.in.Request, [][2]string{{"code", code}})
}

// refuse ends the request with an error at the client. What is no refusal goes to the border.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *state, err error) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok {
		return err
	}
	if err := h.Browser.Finish(r.Context(), s.in); err != nil {
		return err
	}
	return h.answerRefusal(w, r, s.in.Request, no)
}
