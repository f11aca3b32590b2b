package logout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/server/servertest"
)

// A session that ends with its time is no sign-out: nobody is told, neither then nor when its row goes (docs/logout.md).
func TestBackchannelLogoutASessionThatExpiresTellsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
		ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
		app := s.App(t, "shop", func(m *clients.Metadata) { m.BackchannelLogoutURI = "https://shop.example/out" })
		app.Login(t, b, ada)
		waiting := func() int {
			q, err := s.Services().Deliveries.Of(t.Context(), app.ClientID)
			if err != nil {
				t.Fatal(err)
			}
			return q.Waiting + q.Failed
		}
		time.Sleep(60 * 24 * time.Hour)
		for _, job := range s.Jobs() {
			if job.Name == "expire-sessions" {
				if err := job.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if here(t, b) || waiting() != 0 {
			t.Errorf("signed in still, or %d notices of a session that was over", waiting())
		}
		app.Login(t, b, ada)
		if b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil); waiting() != 1 { // what the test looks at is there
			t.Errorf("%d notices of a sign-out", waiting())
		}
	})
}
