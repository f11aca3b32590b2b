package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signet/admin"
	"signet/admin/proposals"
	"signet/clients"
	"signet/server/servertest"
)

// proposing is a server with an administrator and an app whose proposals they confirm.
type proposing struct {
	*servertest.Server
	boss          servertest.Person
	authenticator *servertest.Authenticator
	n             int
}

const markup = `<img src=x onerror="pwned=1"><b>Ignore</b> "'><script>pwned=1</script>`

func newProposing(t *testing.T) *proposing {
	t.Helper()
	w := &proposing{Server: servertest.New(t, servertest.Quiet(), servertest.YAML("admin: {mcp: write}"))}
	w.boss = w.Person(t, "boss@example.com")
	w.MakeAdmin(t, w.boss)
	w.authenticator = w.AddAuthenticator(t, w.boss)
	w.App(t, "editor", servertest.Public, func(m *clients.Metadata) { m.ClientName = markup })
	if err := w.Services().Admin.AllowTools(t.Context(), w.Services().Host("root@host"), "editor", "", true); err != nil {
		t.Fatal(err)
	}
	return w
}

// propose has the app ask for somebody to be disabled, and says on which page that is confirmed.
func (w *proposing) propose(t *testing.T) (target servertest.Person, page string) {
	t.Helper()
	w.n++
	target = w.Person(t, fmt.Sprintf("bob%d@example.com", w.n))
	boss := admin.Actor{Kind: admin.KindPerson, ID: w.boss.ID, Holds: admin.SetOf(admin.All()...)}
	p, err := w.Services().Proposals.Make(t.Context(), boss, "editor", proposals.DisablePerson, target.ID)
	if err != nil {
		t.Fatal(err)
	}
	return target, w.URL + "/admin/proposals/" + p.ID
}

func (w *proposing) disabled(t *testing.T, target servertest.Person) bool {
	t.Helper()
	p, err := w.Services().Admin.Person(t.Context(), w.Services().Host("root@host"), target.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p.Disabled
}

// TestProposalsInTheBrowser: what an MCP client proposes is confirmed by the person's own click on the page and by nothing else, whatever
// other pages that their browser has open do, and strangers' text on it is text.
func TestProposalsInTheBrowser(t *testing.T) {
	w := newProposing(t)
	s, boss := w.Server, w.boss
	ctx := anyChromium(t)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		stepCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if err := chromedp.Do(stepCtx, steps...); err != nil {
			here, _ := chromedp.Run(ctx, chromedp.Location())
			text, _ := chromedp.Run(ctx, chromedp.TextContent("body"))
			t.Fatalf("%s: %v at %s: %s", what, err, here, text)
		}
	}
	text := func() string { got, _ := chromedp.Run(ctx, chromedp.TextContent("body")); return got }
	open, click, wait, write := chromedp.Navigate, chromedp.Click[string], chromedp.WaitVisible[string], chromedp.SendKeys[string]
	gone := chromedp.WaitNotPresent[string] // after a click: a page that is awaited may be the one before it, whose successor is on its way
	const confirm = `button[name=what][value=confirm]`
	signIn := func() {
		do("sign in", write("#username", boss.Email), write("#password", boss.Password), click("#login-submit"), wait("#code"))
		do("second factor", write("#code", w.authenticator.Code(t)), click("#factor-submit"), gone("#factor-submit"), wait("main h1"))
	}
	bob, page := w.propose(t)
	do("begin", open(s.URL+"/signin"), wait("#login-submit"))
	signIn()
	do("the page", open(page), wait(confirm))
	if got := text(); !strings.Contains(got, markup) {
		t.Errorf("what an app calls itself is not shown as text: %s", got)
	}
	const ran = "'pwned' in window || document.querySelectorAll('main b b, main img').length > 0"
	if pwned, err := chromedp.Run(ctx, chromedp.Evaluate[bool](ran)); err != nil || pwned {
		t.Errorf("markup of an app is markup of the page (%v)", err)
	}
	// pages of others: of the same site (another port), and of another
	site := httptest.NewServer(http.HandlerFunc(confirming))
	t.Cleanup(site.Close)
	for _, from := range []string{site.URL, strings.Replace(site.URL, "127.0.0.1", "localhost", 1)} {
		for _, how := range []string{"/form", "/plain", "/fetch", "/get", "/frame"} {
			do(from+how, open(from+how+"?at="+page), chromedp.Sleep(1200*time.Millisecond))
			if w.disabled(t, bob) {
				t.Fatalf("confirmed by a page of %s, %s", from, how)
			}
		}
	}
	// what the person saw is not any more
	do("see it", open(page), wait(confirm))
	if _, err := s.Services().Admin.SetEmail(t.Context(), s.Services().Host("root@host"), bob.ID, "robert@example.com", true); err != nil {
		t.Fatal(err)
	}
	do("confirm what changed", click(confirm), wait(".notice.bad"))
	if got := text(); w.disabled(t, bob) || !strings.Contains(got, "changed") {
		t.Errorf("changed between the look and the click: %s", got)
	}
	// the sign-in got old on the page
	carl, page := w.propose(t)
	do("see another", open(page), wait(confirm))
	s.AgeSessions(t, boss.ID, time.Hour)
	do("confirm with an old sign-in", click(confirm), gone(confirm), wait("#password"))
	if w.disabled(t, carl) {
		t.Errorf("confirmed by an old sign-in: %s", text())
	}
	t.Logf("with an old sign-in: %.120s", strings.Join(strings.Fields(text()), " "))
	do("sign out", open(s.URL+"/oauth2/logout"), click("#logout-confirm"), gone("#logout-confirm"), wait("main h1"))
	do("without a sign-in", open(page), wait("#login-submit"))
	signIn()
	do("the page again", open(page), wait(confirm), click(confirm), gone(confirm), wait("main h1"))
	if !w.disabled(t, carl) {
		t.Errorf("the person confirmed, and nothing happened: %s", text())
	}
	if w.disabled(t, bob) {
		t.Error("another was disabled, too")
	}
}

// confirming are pages of somebody else, which have the browser confirm what is at the address that is named.
func confirming(w http.ResponseWriter, r *http.Request) {
	at := r.URL.Query().Get("at")
	w.Header().Set("Content-Type", "text/html")
	switch r.URL.Path {
	case "/form":
		_, _ = fmt.Fprintf(w, `<form method="post" action="%s"><input name="what" value="confirm"></form>`+
			`<script>document.forms[0].submit()</script>`, at)
	case "/plain":
		_, _ = fmt.Fprintf(w, `<form method="post" enctype="text/plain" action="%s"><input name="what" value="confirm"></form>`+
			`<script>document.forms[0].submit()</script>`, at)
	case "/fetch":
		_, _ = fmt.Fprintf(w, `<p id="done" hidden>done</p><script>fetch(%q, {method: "POST", mode: "no-cors", credentials: "include",
			body: new URLSearchParams({what: "confirm"})}).finally(() => { document.getElementById("done").hidden = false })</script>`, at)
	case "/get":
		_, _ = fmt.Fprintf(w, `<p id="done">done</p><img src="%[1]s?what=confirm"><link rel="prefetch" href="%[1]s?what=confirm">`+
			`<iframe src="%[1]s?what=confirm"></iframe>`, at)
	case "/frame":
		_, _ = fmt.Fprintf(w, `<iframe name="inner" width="900" height="900" src="%s"></iframe><form method="post" target="inner" `+
			`action="%[1]s"><input name="what" value="confirm"></form><script>setTimeout(() => document.forms[0].submit(), 500)</script>`, at)
	}
}
