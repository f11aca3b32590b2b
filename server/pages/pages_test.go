package pages

import (
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	shop = &App{ID: "shop", Name: "Shop", Host: "shop.example", PolicyURI: "https://shop.example/privacy",
		TOSURI: "https://shop.example/terms"}
	ada    = Person{Name: "Ada Lovelace", Email: "ada@example.org", Username: "ada"}
	linux  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 " +
		"Safari/604.1"
)

// samples are all pages in the states that matter. They are the golden files and what is looked at in a browser.
func samples() map[string]Page {
	now := time.Now()
	evil := &App{ID: "x", Name: `<b>Eve</b> & "Co"`, Host: "eve.example"}
	all := map[string]Page{
		"sign_in": SignIn{App: shop, Action: "/signin?i=abc", SignUpURL: "/signup?i=abc", ForgotURL: "/forgot"},
		"sign_in_wrong": SignIn{App: shop, Action: "/signin?i=abc", Username: "ada@example.org", Problem: "signin.wrong",
			SignUpURL: "/signup?i=abc",
			ForgotURL: "/forgot", CancelURL: "/signin/cancel?i=abc", Remember: true},
		"sign_in_throttled": SignIn{Action: "/signin?i=abc", Username: "ada", Problem: "signin.throttled", RetryAfter: 30},
		"sign_in_busy":      SignIn{Action: "/signin?i=abc", Username: "ada", Problem: "signin.busy"},
		"sign_in_again": SignIn{App: shop, Action: "/signin?i=abc", Username: "ada", Reauth: &ada, OtherURL: "/choose?i=abc",
			ForgotURL: "/forgot"},
		"sign_up": SignUp{App: shop, Action: "/signup?i=abc", SignInURL: "/signin?i=abc", MinLength: 12, AskUsername: true},
		"sign_up_wrong": SignUp{App: &App{Name: "Donaudampfschifffahrtsgesellschaft"}, Action: "/signup?i=abc", SignInURL: "/signin?i=abc",
			MinLength:   12,
			AskUsername: true, Name: "Friederike Schäfer-Oberländer", Email: "friederike@", Username: "f",
			Problems: []Problem{{Field: "username", Message: "email.invalid"}, {Field: "handle", Message: "username.invalid"},
				{Field: "password", Message: "password.too_short", Args: map[string]string{"Min": "12"}}}},
		"choose_account": ChooseAccount{App: shop, Action: "/choose?i=abc", Accounts: []AccountLine{{ID: "1", Person: ada, Current: true},
			{ID: "2", Person: Person{Name: "Friederike Schäfer-Oberländer", Email: "friederike@donaudampfschifffahrt.example"}},
			{ID: "3", Person: Person{Username: "eve"}}}},
		"choose_account_one": ChooseAccount{Action: "/choose", Accounts: []AccountLine{{ID: "1", Person: ada, Current: true}}},
		"sign_out_several":   SignOut{Action: "/oauth2/logout", Person: ada, Others: 2},
		"consent": Consent{App: *shop, Action: "/consent?i=abc", Person: ada, NotYouURL: "/choose?i=abc", AccountURL: "/account#apps",
			Fixed: []ScopeLine{{Scope: "openid"}, {Scope: "profile"}, {Scope: "email"}},
			Choices: []ScopeLine{{Scope: "orders:read", Title: map[string]string{"en": "Read your orders", "de": "Ihre Bestellungen lesen"},
				Description: map[string]string{"": "What you bought and when"}, Owner: "Shop API", Checked: true},
				{Scope: "offline_access", Checked: true}}},
		"consent_nothing": Consent{App: *shop, Action: "/consent?i=abc", Person: ada, AccountURL: "/account#apps", Nothing: true,
			Choices: []ScopeLine{
				{Scope: "orders:erase", Title: map[string]string{"": "Erase your orders"}, Owner: "Shop <b>API", Sensitive: true},
				{Scope: "orders:write", Owner: "Shop <b>API", LeftOut: true}, {Scope: "groups"}, {Scope: "offline_access"}}},
		"consent_loopback": Consent{App: *evil, Action: "/consent?i=abc", Person: Person{Username: "ada"}, Loopback: true,
			Resources: []string{"Shop API", "https://files.example.org/a<b"},
			Choices:   []ScopeLine{{Scope: "email", Checked: true}, {Scope: "api:write"}}},
		"sign_out":   SignOut{App: shop, Action: "/oauth2/logout", Person: ada, Hidden: map[string]string{"state": "xyz", "client_id": "shop"}},
		"signed_out": SignedOut{SignInURL: "/account", App: shop, BackURL: "https://shop.example/bye"},
		"signing_out": SigningOut{NextURL: "https://shop.example/bye?state=a",
			Frames: []string{"https://shop.example/frame?iss=https%3A%2F%2Fid.example&sid=s1",
				"https://till.example/frame?tenant=1&iss=https%3A%2F%2Fid.example&sid=s1"}},
		"forgot": Forgot{Contact: "the help desk, help@example.org", SignInURL: "/signin"},
		"form_post": FormPost{App: shop, Action: "https://shop.example/cb", Fields: [][2]string{{"code", `a"b<c`}, {"state", "s&t"},
			{"iss", "https://id.example"}}},
		"account": Account{Person: ada, Verified: true, PasswordChanged: now.AddDate(0, -3, 0), Notices: []string{"reuse"}, Done: "app",
			Factors: &Factors{TOTP: true, RecoveryLeft: 2, Passkeys: 2}, Sessions: 3, Apps: 2,
			LastActivity: &EventLine{Name: "consent.given", App: App{Name: "Shop"}, At: now.Add(-2 * time.Hour)}},
		"account_empty": Account{Person: Person{Username: "eve", Several: true}, Factors: &Factors{}, Sessions: 1},
		"profile": Profile{Person: ada, Upload: true, Zones: []string{"Europe/Vienna", "UTC"},
			Locales: []Language{{"en", "English"}, {"de", "Deutsch"}},
			Done:    "profile",
			Values: map[string]string{"name": "Ada Lovelace", "username": "ada", "zoneinfo": "UTC", "locale": "en-GB",
				"street_address": "1 St James's Square\nMarylebone"}},
		"profile_wrong": Profile{Person: ada, Values: map[string]string{"birthdate": "10.12.1815", "picture": "ada.png"}, Problems: []Problem{
			{Field: "birthdate", Message: "profile.bad.birthdate"}, {Field: "picture", Message: "profile.bad.url"}}},
		"passkeys": Passkeys{Person: ada, Usable: true, Done: "passkey_added", Passkeys: []PasskeyLine{
			{ID: "1", Name: "Ada’s phone", Maker: "Apple Passwords", Synced: true, AddedAt: now.AddDate(0, -8, 0), UsedAt: now.Add(-2 * time.Hour)},
			{ID: "2", AddedAt: now}}},
		"passkey_offer":  PasskeyOffer{Person: ada, Action: "/signin/offer", Options: "/signin/offer/options"},
		"passkeys_empty": Passkeys{Person: ada, Problem: "passkeys.last"},
		"sessions": Sessions{Person: ada, Done: "session", Sessions: []SessionLine{
			{ID: "1", Agent: linux, Address: "203.0.113.24", StartedAt: now.AddDate(0, 0, -9), SeenAt: now, Current: true},
			{ID: "2", Agent: iphone, Address: "2001:db8:85a3::8a2e:370:7334", StartedAt: now.AddDate(0, -1, 0), SeenAt: now.Add(-2 * time.Hour)},
			{ID: "3", Agent: "", Address: "198.51.100.7", StartedAt: now.AddDate(0, 0, -9), SeenAt: now.AddDate(0, 0, -9)}}},
		"sessions_one": Sessions{Person: ada,
			Sessions: []SessionLine{{ID: "1", Agent: "curl/8.5", Address: "::1", StartedAt: now, SeenAt: now, Current: true}}},
		"apps": Apps{Person: ada, Done: "app", Asked: true, Apps: []AppLine{
			{App: *shop, Scopes: []ScopeLine{{Scope: "profile"}, {Scope: "email"},
				{Scope: "orders:read", Owner: "Shop API", Title: map[string]string{"": "Read your orders"},
					Description: map[string]string{"": "What you bought and when"}}, {Scope: "files:all", Owner: "Files"}},
				Resources: []string{"Shop API", "https://files.example.org/a<b"},
				Since:     now.AddDate(0, -8, 0), LastUsed: now},
			{App: App{ID: "b", Name: "Board agent", OpenURL: "https://board.example/start?iss=https%3A%2F%2Fid.example"},
				KnownAs: "uiQ2qxoC-L9iV0i6XR8S3-M-NhQTLZqq0zS5nlv7lFM"}}},
		"apps_empty": Apps{Person: ada},
		"activity": Activity{Person: ada, Path: "/account/activity", Kind: "security", OlderURL: "/account/activity?before=1",
			FirstURL: "/account/activity", Events: []EventLine{
				{Name: "signin.succeeded", At: now, Agent: linux, Network: "203.0.113.0/24"},
				{Name: "consent.given", App: App{Name: "Shop"}, At: now.Add(-time.Hour), Agent: iphone, Network: "2001:db8:85a3::/56"},
				{Name: "password.set", ByOther: true, At: now.AddDate(0, -1, 0)}, {Name: "who.knows", At: now.AddDate(-1, 0, 0), Agent: "curl/8.5"}}},
	}
	maps.Copy(all, endSamples(now))
	maps.Copy(all, agentSamples(now, shop, ada))
	maps.Copy(all, waySamples(shop, ada))
	for _, more := range []map[string]Page{pictureSamples(ada), consoleSamples(ada), serverSamples(ada), apiSamples(ada),
		upstreamSamples(shop, ada)} {
		maps.Copy(all, more)
	}
	maps.Copy(all, lostSamples(now))
	return all
}

// endSamples are the pages of data, deletion, errors and the demo.
func endSamples(now time.Time) map[string]Page {
	return map[string]Page{
		"your_data":          YourData{Person: ada, Grace: 7 * 24 * time.Hour, Done: "confirmed"},
		"your_data_no_grace": YourData{Person: ada},
		"delete_account":     DeleteAccount{Person: ada, Grace: 7 * 24 * time.Hour},
		"delete_account_wrong": DeleteAccount{Person: Person{Username: "ada"},
			Problems: []Problem{{Field: "confirm", Message: "delete.last_admin"}}},
		"account_closed":     AccountClosed{Grace: 36 * time.Hour, SignInURL: "/signin"},
		"account_closed_now": AccountClosed{SignInURL: "/signin"},
		"keep_account":       KeepAccount{Action: "/account/keep?i=abc", Who: ada, At: now.AddDate(0, 0, 6)},
		"activity_empty":     Activity{Person: ada},
		"change_password":    ChangePassword{Person: ada, MinLength: 12, Problems: []Problem{{Field: "current", Message: "password.wrong"}}},
		"error": Error{Kind: "redirect_mismatch", Args: map[string]string{"Client": "Shop", "Host": "shop.example"},
			Back: "https://shop.example/",
			Facts: [][2]string{{"error", "invalid_request"}, {"received", "https://shop.example/callback/"},
				{"registered", "https://shop.example/callback"}},
			Reference: "7F3K-92QD-MX", At: now},
		"api_problem": APIProblem{Name: "invalid", Status: "422 Unprocessable Entity",
			Example: "HTTP/1.1 422 Unprocessable Entity\nContent-Type: application/problem+json\n\n{\n  \"type\": " +
				`"https://id.example/problems/invalid"` + "\n}"},
		"api_problems": APIProblems{Kinds: []APIProblem{{Name: "changed"}, {Name: "insufficient_user_authentication"}}},
		"error_server": Error{Kind: "server", Reference: "7F3K-92QD-MX", At: now},
		"demo":         Demo{StartURL: "/demo/start", Error: "access_denied"},
		"demo_tokens": DemoTokens{Refreshed: 1, RefreshURL: "/demo/refresh", AgainURL: "/demo", SignOutURL: "/oauth2/logout", Tokens: []DemoToken{
			{Kind: "access", Header: [][2]string{{"alg", "ES256"}, {"typ", "at+jwt"}}, Claims: [][2]string{{"iss", "http://localhost:9400"},
				{"scope", "openid profile email"}}, Raw: "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9." + strings.Repeat("eyJpc3MiOiJodHRwOi8v", 12)},
			{Kind: "id", Claims: [][2]string{{"sub", "u_7c1f"}, {"auth_time", "1795385645 (22 November 2026, 20:14:05 UTC)"}}, Raw: "eyJ"},
			{Kind: "refresh_token", Raw: "eyJ"}}},
	}
}

func newPages(t testing.TB, o Options) *Pages {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func render(t testing.TB, p *Pages, page Page, target, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	if err := p.Render(w, r, http.StatusOK, page); err != nil {
		t.Fatal(err)
	}
	return w
}

// otherLanguages are the links of the footer to languages besides English and German: a new one changes no page.
var otherLanguages = regexp.MustCompile(`(?m)^ *<li><a href="[^"]*" hreflang="(?:[^de]|d[^e]|e[^n])[^"]*" lang="[^"]*">[^<]*</a></li>\n`)

func TestPagesLookAsTheyDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that "2 hours ago" stays two hours ago
		p := newPages(t, Options{})
		stable := strings.NewReplacer(p.assets.prefix, "/static/HASH/")
		for name, page := range samples() {
			for _, lang := range []string{"en", "de"} {
				got := stable.Replace(render(t, p, page, "/x?i=abc", lang).Body.String())
				got = otherLanguages.ReplaceAllString(got, "")
				path := filepath.Join("testdata", lang, name+".html")
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					continue
				}
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if want := otherLanguages.ReplaceAllString(string(raw), ""); got != want {
					t.Errorf("%s differs from %s (look at it, then run with -update):\n%s", name, path, firstDifference(got, want))
				}
			}
		}
	})
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one ends earlier"
}
