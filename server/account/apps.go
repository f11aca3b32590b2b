package account

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/pages/acting"
	"signet/users"
)

// showApps lists the apps that the person let in.
func (h *Handler) showApps(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	list, err := h.Connected.Apps(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	var agents, apps []users.App
	for _, a := range list {
		if a.AgentUntil.IsZero() {
			apps = append(apps, a)
		} else {
			agents = append(agents, a)
		}
	}
	page := pages.Apps{Person: v.Person, Agents: h.appLines(r.Context(), v.Person, agents), Apps: h.appLines(r.Context(), v.Person, apps),
		Asked: h.Asked != nil, Done: done(r)}
	for _, lines := range page.Lists() {
		for i := range lines {
			if h.KnownAs != nil {
				lines[i].KnownAs = h.KnownAs(r.Context(), v.UserID, lines[i].ID)
			}
			if h.Elsewhere == nil {
				continue
			}
			if lines[i].Elsewhere, err = h.Elsewhere(r.Context(), v.UserID, lines[i].ID); err != nil {
				return err
			}
		}
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

func (h *Handler) appLines(ctx context.Context, of pages.Person, list []users.App) []pages.AppLine {
	lines := make([]pages.AppLine, 0, len(list))
	for _, a := range list {
		line := pages.AppLine{App: h.App(ctx, a.ClientID), Since: of.At(a.Since), LastUsed: of.At(a.LastUsed)}
		line.ID = a.ClientID
		if line.OpenURL != "" && slices.Contains(a.Scopes, "email") && of.Email != "" { // it knows the address
			line.OpenURL = login.WithQuery(line.OpenURL, url.Values{"login_hint": {of.Email}}.Encode())
		}
		for _, s := range a.Scopes {
			line.Scopes = append(line.Scopes, h.Scope(s, a.Resources))
		}
		for _, id := range a.Resources {
			line.Resources = append(line.Resources, h.Resource(id))
		}
		if !a.AgentUntil.IsZero() {
			until, calls := h.Limits(ctx, a)
			line.Agent = &acting.Line{Until: of.At(until), Over: !time.Now().Before(until), Paused: of.At(a.PausedAt), Calls: int(calls)}
			if h.PassesTo != nil {
				line.Agent.PassesTo = h.PassesTo(ctx, a.ClientID, a.Resources)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// disconnect removes an app, or all of them: the consent and every token. An agent can be paused, too.
func (h *Handler) disconnect(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if r.PostFormValue("agents") != "" {
		if _, err := h.Connected.DisconnectAgents(r.Context(), v.UserID); err != nil {
			return err
		}
		return h.back(w, r, "/account/apps", "agents")
	}
	for _, act := range []string{"pause", "resume"} {
		if app := r.PostFormValue(act); app != "" {
			if err := h.Connected.PauseAgent(r.Context(), v.UserID, app, act == "pause"); err != nil {
				return unknown(err, users.ErrNotFound)
			}
			return h.back(w, r, "/account/apps", "agent_"+act)
		}
	}
	if r.PostFormValue("all") != "" {
		if _, err := h.Connected.DisconnectAll(r.Context(), v.UserID); err != nil {
			return err
		}
		return h.back(w, r, "/account/apps", "apps")
	}
	if err := h.Connected.Disconnect(r.Context(), v.UserID, r.PostFormValue("app")); err != nil {
		return unknown(err, users.ErrNotFound)
	}
	return h.back(w, r, "/account/apps", "app")
}
