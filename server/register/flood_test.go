package register_test

import (
	"net/http"
	"strconv"
	"testing"

	"signet/audit"
	"signet/server/servertest"
)

// TestV06_ChangesOfARegistrationAreBounded: an app that a stranger registered does not change itself without end: each time is an event
// that is kept for a year, is read by all servers, and may fetch a document. Others change themselves all the same, and who has no token is
// told nothing else than before.
func TestV06_ChangesOfARegistrationAreBounded(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
		register := func() (id, token string) {
			t.Helper()
			status, _, made := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
			if status != http.StatusCreated {
				t.Fatalf("%d %v", status, made)
			}
			return text(made, "client_id"), text(made, "registration_access_token")
		}
		put := func(id, token string, name int) (int, http.Header, document) {
			t.Helper()
			return send(t, s, "PUT", at+"/"+id, token, document{"client_id": id, "redirect_uris": []string{"https://app.example/cb"},
				"client_name": "App " + strconv.Itoa(name)})
		}
		id, token := register()
		done := 0
		for ; done < 100; done++ {
			status, header, got := put(id, token, done)
			if status == http.StatusTooManyRequests {
				if wait, err := strconv.Atoi(header.Get("Retry-After")); err != nil || wait < 1 {
					t.Errorf("Retry-After %q", header.Get("Retry-After"))
				}
				break
			}
			if status != http.StatusOK {
				t.Fatalf("change %d: %d %v", done, status, got)
			}
			token = text(got, "registration_access_token")
		}
		if done < 20 || done > 22 {
			t.Errorf("%d changes at once", done)
		}
		if status, _, got := put(id, "sgr_made-up", 0); status != http.StatusUnauthorized {
			t.Errorf("without its token: %d %v", status, got)
		}
		events, err := s.Services().DB.EventsAfter(t.Context(), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range events {
			if e.Name == string(audit.ClientChanged) {
				n++
			}
		}
		if n != done {
			t.Errorf("%d events of %d changes", n, done)
		}
		other, otherToken := register()
		if status, _, got := put(other, otherToken, 0); status != http.StatusOK {
			t.Errorf("another app: %d %v", status, got)
		}
	})
}
