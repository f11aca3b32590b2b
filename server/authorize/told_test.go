package authorize_test

import (
	"log/slog"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// Noting that an app was used in a session costs one more write, and only where the app is told of its end.
func TestStatementsOfAppsThatAreToldOfSignOut(t *testing.T) {
	seen := &recorder{seen: map[string][]map[string]slog.Value{}}
	w := newWorld(t, servertest.Log(seen))
	own := func(m *clients.Metadata) { m.FirstParty = true }
	quiet := w.App(t, "quiet", own)
	told := w.App(t, "told", own, func(m *clients.Metadata) { m.BackchannelLogoutURI = "https://told.example/out" })
	b := w.Browser(t)
	quiet.Login(t, b, w.ada)
	told.Login(t, b, w.ada)
	cost := func(app *servertest.App) (reads, writes int64) {
		app.Login(t, b, w.ada)
		return seen.last("/oauth2/authorize")
	}
	r0, w0 := cost(quiet)
	r1, w1 := cost(told)
	if r1 != r0 || w1 != w0+1 || w0 < 1 {
		t.Errorf("%d reads and %d writes; %d and %d where nobody is told", r1, w1, r0, w0)
	}
}
