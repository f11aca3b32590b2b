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
