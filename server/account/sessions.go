package account

import (
	"net/http"
	"slices"

	"signet/server/browser"
	"signet/server/pages"
	"signet/storage"
)

// shownSessions is how many of a person's sessions the page lists.
const shownSessions = 100

// showSessions lists the browsers the person is signed in in.
func (h *Handler) showSessions(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	list, err := h.Sessions.OfUser(r.Context(), v.UserID, shownSessions)
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK,
		pages.Sessions{Person: v.Person, Sessions: sessionLines(list, v.Person, v.SessionID), Done: done(r)})
}

// sessionLines puts the browser in view first.
func sessionLines(list []storage.Session, of pages.Person, current string) []pages.SessionLine {
	lines := make([]pages.SessionLine, 0, len(list))
	for _, s := range list {
		line := pages.SessionLine{ID: s.ID, Agent: s.Agent, Address: s.Address, StartedAt: of.At(s.CreatedAt), SeenAt: of.At(s.SeenAt),
			Current: s.ID == current}
		if line.Current {
			lines = slices.Insert(lines, 0, line)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// fromAfar is why a session ended, for the audit log.
const fromAfar = "signed out from another browser"

// endSession signs out one other browser, all others, this one, or all.
func (h *Handler) endSession(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	switch id := r.PostFormValue("session"); id {
	case "others":
		if _, err := h.Sessions.EndAll(r.Context(), v.UserID, v.SessionID, fromAfar); err != nil {
			return err
		}
		return h.back(w, r, "/account/sessions", "sessions")
	case "all":
		if _, err := h.Sessions.EndAll(r.Context(), v.UserID, v.SessionID, fromAfar); err != nil {
			return err
		}
		return h.signOut(w, r, v)
	case v.SessionID:
		return h.signOut(w, r, v)
	default:
		if err := h.Sessions.End(r.Context(), id, v.UserID, fromAfar); err != nil {
			return unknown(err, storage.ErrNotFound)
		}
		return h.back(w, r, "/account/sessions", "session")
	}
}

// signOut ends the session of the browser in view.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := h.Browser.SignOut(w, r, v); err != nil {
		return err
	}
	return h.Browser.Go(w, r, "/signin", nil)
}
