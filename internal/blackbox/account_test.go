package blackbox

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Two people share a browser: Ada fills in her profile and looks at every page of her account, Grace comes beside her, they
// switch without a password; Ada signs out, and Back shows nothing of her (B08); Grace deletes her account, and
// keeps it after all.
func TestAccountPagesInTheBrowser(t *testing.T) {
	p := localTrial(t)
	ctx := chromium(t)
	const ada, grace = "ada.pages@example.com", "grace.pages@example.com"
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	signUp := func(name, email string) actions {
		return actions{wait("#signup-submit"), type_("#name", name), type_("#username", email), type_("#password", password),
			click("#signup-submit"), wait(".menu")}
	}
	menu := func(path string) actions {
		return actions{click(`.menu a[href$="` + path + `"]`), wait(`.menu a[href$="` + path + `"][aria-current]`)}
	}
	const other = `button.plain[name="account"]` // of the one that is not in view
	steps := []struct {
		name string
		do   actions
		want string
	}{
		{"account-new", append(actions{open("/signup")}, signUp("Ada Lovelace", ada)...), ada},
		{"account-profile", menu("/account/profile"), "What apps can see"},
		{"account-profile-wrong", actions{type_("#birthdate", "10.12.1815"), click("#profile-submit"), wait(".notice.bad")}, "1815-12-10"},
		{"account-profile-saved",
			actions{chromedp.SetValue("#birthdate", "1815-12-10"), chromedp.SetValue("#website", "https://ada.example/"),
				chromedp.SetValue("#zoneinfo", "Europe/London"),
				click("#profile-submit"), wait(".notice[role=status]")}, "profile has been saved"},
		{"account-sessions", menu("/account/sessions"), "This browser"},
		{"account-apps", menu("/account/apps"), "No app has access"},
		{"account-activity", menu("/account/activity"), "Profile changed"},
		{"account-data", menu("/account/data"), "Download your data"},
		{"account-delete", actions{click(`a[href$="/account/delete"]`), wait("#delete-submit")}, "What happens"},
		{"account-choose-one", actions{open("/choose"), wait("#choose-other")}, ada},
		{"account-second",
			append(actions{click("#choose-other"), wait("#login-submit"), click(`a[href*="/signup"]`)}, signUp("Grace Hopper", grace)...), grace},
		{"account-choose", actions{click(`.top a[href$="/choose"]`), wait("#choose-other")}, ada},
		{"account-switched", actions{click(other), wait(".menu")}, ada},
		{"account-signout", actions{click(`.top a[href$="/oauth2/logout"]`), wait("#logout-confirm")}, "other account"},
		{"account-signed-out", actions{click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"), wait("main h1")}, "signed out"},
		{"account-behind", actions{open("/account"), wait("#choose-other")}, grace},
		{"account-again", actions{click(`button[name="account"]`), wait(".menu")}, grace},
		{"account-closed",
			actions{open("/account/delete"), wait("#delete-submit"), type_("#confirm", grace), click("#delete-submit"),
				chromedp.WaitNotPresent("#delete-submit"), wait("main h1")}, "Your account is closed"},
		{"account-keep",
			actions{open("/signin"), wait("#login-submit"), type_("#username", grace), type_("#password", password), click("#login-submit"),
				wait("#keep-submit")}, grace},
		{"account-kept", actions{click("#keep-submit"), wait(".menu")}, "keeping your account"},
	}
	for _, s := range steps {
		stepCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		err := chromedp.Do(stepCtx, s.do...)
		text, _ := chromedp.Run(stepCtx, chromedp.TextContent("main"))
		cancel()
		if err != nil || !strings.Contains(text, s.want) {
			here, _ := chromedp.Run(ctx, chromedp.Location())
			t.Fatalf("%s: %v at %s, want %q:\n%s\n%s", s.name, err, here, s.want, text, p.out)
		}
		look(t, ctx, s.name)
		if s.name == "account-signed-out" {
			back(t, ctx, ada)
		}
	}
	for _, leak := range []string{password, ada, grace, "Lovelace"} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}

// back presses Back until the pages of the account come up again; they must be asked for anew.
func back(t *testing.T, ctx context.Context, email string) {
	t.Helper()
	for range 3 {
		if err := chromedp.Do(ctx, chromedp.NavigateBack(), chromedp.WaitVisible("main h1")); err != nil {
			t.Fatal(err)
		}
		text, err := chromedp.Run(ctx, chromedp.TextContent("body"))
		if err != nil || strings.Contains(text, email) {
			t.Errorf("Back shows %q (%v)", text, err)
		}
	}
}
