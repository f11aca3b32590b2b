package authorize_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"signet/server/servertest"
)

// What a later release wrote in the row is not judged, and not written over: the person comes back to a replica of that release.
func TestV02_ARequestOfALaterReleaseIsUnavailable(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.signedIn(t)
		b.Get(t, w.ask("prompt", "consent"))
		db, i := w.Services().DB, b.URL.Query().Get("i")
		row, err := db.InteractionByID(t.Context(), i, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		later := json.RawMessage(`{"v":2,"decided_at":"` + time.Now().Format(time.RFC3339) + `","user_id":"` + w.ada.ID + `"}`)
		if err := db.UpdateInteractionFacts(t.Context(), i, row.Facts, later); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/oauth2/continue", "/consent", "/signin", "/choose", "/oauth2/return"} {
			if b.Get(t, path+"?i="+i); b.Status != http.StatusServiceUnavailable || b.Landed != nil {
				t.Errorf("GET %s: %d, landed %v", path, b.Status, b.Landed)
			}
		}
		for _, path := range []string{"/consent", "/signin", "/choose"} {
			form := url.Values{"decision": {"allow"}, "username": {w.ada.Email}, "password": {w.ada.Password}}
			if b.Post(t, path+"?i="+i, form); b.Status != http.StatusServiceUnavailable || b.Landed != nil {
				t.Errorf("POST %s: %d, landed %v", path, b.Status, b.Landed)
			}
		}
		if row, err = db.InteractionByID(t.Context(), i, time.Now()); err != nil || string(row.Facts) != string(later) {
			t.Errorf("row: %s, %v", row.Facts, err)
		}
	})
}
