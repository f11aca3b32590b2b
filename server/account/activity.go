package account

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"signet/audit"
	"signet/server/browser"
	"signet/server/pages"
	"signet/storage"
)

// activityPage is how many events a page shows.
const activityPage = 50

// showActivity lists what happened to the account, newest first. before is the id of an event: a stranger's would show what
// is older than it of the person's own, no more.
func (h *Handler) showActivity(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	before := r.URL.Query().Get("before")
	if len(before) > maxEventID {
		before = ""
	}
	kind := r.URL.Query().Get("kind")
	begins, known := activityKinds[kind]
	if !known {
		kind = "" // what nobody links to
	}
	list, next, err := h.Profile.Activity(r.Context(), v.UserID, before, activityPage, begins...)
	if err != nil {
		return err
	}
	path := h.Browser.Path("/account/activity", nil)
	at := func(before string) string {
		q := url.Values{}
		if kind != "" {
			q.Set("kind", kind)
		}
		if before != "" {
			q.Set("before", before)
		}
		if len(q) == 0 {
			return path
		}
		return path + "?" + q.Encode()
	}
	page := pages.Activity{Person: v.Person, Kind: kind, Path: path,
		Events: h.eventLines(r.Context(), v.Person, list)}
	if before != "" {
		page.FirstURL = at("")
	}
	if next != "" {
		page.OlderURL = at(next)
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// activityKinds are what a person can look at by itself, by how the names of its events begin; the page names them.
var activityKinds = map[string][]string{
	"signins": {"signin.", "session."},
	"security": {"password.", "passkey.", "factor.", "recovery.", "wayback.started", "wayback.stopped", "wayback.finished",
		"email.", "upstream.", "user.frozen", "user.unfrozen", "code.replayed", "refresh.reused"},
	"apps":    {"consent.", "agent.", "device.", "request.", "code.", "refresh.", "grant.", "token."},
	"account": {"signup.", "user.", "terms.", "data.", "group.", "role.", "invitation."},
}

// maxEventID is more than any event's id has, in bytes.
const maxEventID = 64

func (h *Handler) eventLines(ctx context.Context, of pages.Person, list []storage.Event) []pages.EventLine {
	apps := map[string]pages.App{}
	lines := make([]pages.EventLine, 0, len(list))
	for _, e := range list {
		line := pages.EventLine{Name: e.Name, At: of.At(e.At), Agent: e.Agent, Network: e.Network}
		if e.ClientID != "" {
			if apps[e.ClientID].ID == "" {
				apps[e.ClientID] = h.App(ctx, e.ClientID)
			}
			line.App = apps[e.ClientID]
		}
		if e.Name == string(audit.GrantDelegated) {
			line.Elsewhere = audienceOf(e)
		}
		line.ByOther = e.ActorID == "cli" || e.ActorKind != "" && e.ActorID != e.UserID
		lines = append(lines, line)
	}
	return lines
}

// audienceOf is the authorization server that an assertion was made for; "" = the event does not say.
func audienceOf(e storage.Event) string {
	var detail struct {
		Audience string `json:"audience"`
	}
	if json.Unmarshal(e.Detail, &detail) != nil {
		return ""
	}
	return detail.Audience
}
