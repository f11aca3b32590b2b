package register_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"signet/server/servertest"
)

// Changes at once with one management token are made one after the other, for the token before stays good until the new one is used: the
// client is as the last one left it, with its token, and the tokens of the others and the one before end with the first use of that.
func TestRegistration_ManyChangesAtOnceLeaveOneToken(t *testing.T) { // RFC 7592 section 2.2
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"), servertest.Quiet())
		_, _, made := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
		id, token := text(made, "client_id"), text(made, "registration_access_token")
		var lock sync.Mutex
		names := map[string]string{} // by token
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				change := document{"client_id": id, "client_name": "n" + strconv.Itoa(i), "redirect_uris": []string{"https://app.example/cb"}}
				status, _, got := send(t, s, "PUT", at+"/"+id, token, change)
				switch {
				case status == http.StatusOK:
					lock.Lock()
					names[text(got, "registration_access_token")] = text(got, "client_name")
					lock.Unlock()
				case status != http.StatusUnauthorized && status != http.StatusServiceUnavailable:
					t.Errorf("%d %v", status, got)
				}
			})
		}
		all.Wait()
		good := 0
		for next, name := range names {
			status, _, got := send(t, s, "GET", at+"/"+id, next, nil)
			switch {
			case status == http.StatusOK && text(got, "client_name") == name:
				good++
			case status != http.StatusUnauthorized:
				t.Errorf("%d %v, changed to %q", status, got, name)
			}
		}
		if good != 1 {
			t.Errorf("%d of %d tokens are good", good, len(names))
		}
		if status, _, _ := send(t, s, "GET", at+"/"+id, token, nil); status != http.StatusUnauthorized {
			t.Errorf("the token before, after the new one was used: %d", status)
		}
	})
}

// A client changes itself a number of times in an hour, and then ever more seldom; whoever has not its token changes nothing of that, and
// other clients do not wait for it.
func TestV07_AClientChangesItselfSoOften(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"), servertest.Quiet())
		doc := func(id string) document {
			return document{"client_id": id, "redirect_uris": []string{"https://app.example/cb"}}
		}
		made := func() (id, token string) {
			_, _, got := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
			return text(got, "client_id"), text(got, "registration_access_token")
		}
		id, token := made()
		for range 30 { // a stranger
			if status, _, _ := send(t, s, "PUT", at+"/"+id, "made-up", doc(id)); status != http.StatusUnauthorized {
				t.Fatalf("with another token: %d", status)
			}
		}
		for i := range 20 {
			status, _, got := send(t, s, "PUT", at+"/"+id, token, doc(id))
			if status != http.StatusOK {
				t.Fatalf("change %d: %d %v", i, status, got)
			}
			token = text(got, "registration_access_token")
		}
		for range 2 { // the second finds the first one's wait
			send(t, s, "PUT", at+"/"+id, token, doc(id))
		}
		status, header, got := send(t, s, "PUT", at+"/"+id, token, doc(id))
		if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
			t.Errorf("one too many: %d %v", status, got)
		}
		other, its := made()
		if status, _, got := send(t, s, "PUT", at+"/"+other, its, doc(other)); status != http.StatusOK {
			t.Errorf("another client: %d %v", status, got)
		}
		if status, _, _ := send(t, s, "DELETE", at+"/"+id, token, nil); status != http.StatusNoContent {
			t.Errorf("it cannot go: %d", status)
		}
	})
}
