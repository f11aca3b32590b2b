package account_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"signet/server/servertest"
)

// TestV06_ASessionChangesItsAccountSoOften: nobody fills the audit log from an account of their own, which anybody may have. Another
// session of the person is not concerned: who has stolen one keeps nobody from ending it.
func TestV06_ASessionChangesItsAccountSoOften(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/account/profile")
	done := 0
	for ; done < 500; done++ {
		if b.Post(t, "/account/profile", url.Values{"name": {"Ada " + strconv.Itoa(done)}}); b.Status == http.StatusTooManyRequests {
			break
		}
		if b.Status != http.StatusOK {
			t.Fatalf("change %d: %d at %s: %s", done, b.Status, b.URL, b.Text("main"))
		}
	}
	if done < 200 || done > 300 {
		t.Errorf("%d changes in a moment", done)
	}
	if b.Get(t, "/account?lang=de"); b.Status != http.StatusTooManyRequests {
		t.Errorf("the language of the account is changed on: %d", b.Status)
	}
	if b.Get(t, "/account"); b.Status != http.StatusOK {
		t.Errorf("the account is not shown: %d", b.Status)
	}
	other := s.Browser(t)
	other.Get(t, "/signin").SignIn(t, ada)
	if other.Post(t, "/account/sessions", url.Values{"all": {"1"}}); other.Status == http.StatusTooManyRequests {
		t.Error("another session waits as well")
	}
}
