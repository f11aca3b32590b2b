package blackbox

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"signet/internal/mail/mailtest"
)

// Ada signs up by an email, goes on to the demo app, changes her address, forgets her password, signs in by a mailed code and
// locks her account, all by emails that a real SMTP server took.
func TestWaysByMailInTheBrowser(t *testing.T) {
	box := mailtest.Start(t)
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "config.yaml")
	yaml := fmt.Sprintf("mail:\n  sender: smtp\n  from: Signet <signet@id.example.com>\n  smtp: {host: %s, port: %d, tls: none}\n"+
		"signin: {mailed_code: true}\nterms: {version: '1', url: https://example.com/terms, privacy_url: https://example.com/privacy}\n",
		box.Host, box.Port)
	if err := os.WriteFile(s.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start(freeAddress(t))
	p.url = strings.Replace(p.url, "127.0.0.1", "localhost", 1)
	ctx := chromium(t)
	const ada, later, fresh = "ada.mail@example.com", "ada.new@example.com", "fresh and rather a long sentence"
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	// find is the oldest email to the address that fits and was not taken; emails come in any order.
	var kept []mailtest.Message
	find := func(to string, fits func(m mailtest.Message) bool) mailtest.Message {
		for {
			for i, m := range kept {
				if m.To == to && fits(m) {
					kept = slices.Delete(kept, i, i+1)
					return m
				}
			}
			kept = append(kept, box.Wait(t, to))
		}
	}
	email := func(to, piece string) chromedp.Action[chromedp.Void] {
		return func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
			m := find(to, func(m mailtest.Message) bool { return strings.Contains(m.Text, piece) })
			u, err := url.Parse(m.LinkWith(t, piece))
			if err != nil {
				return done, err
			}
			return chromedp.Navigate(p.url+u.RequestURI())(ctx, target)
		}
	}
	code := func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		m := find(later, func(m mailtest.Message) bool { return strings.Contains(m.Subject, "code") })
		return chromedp.SendKeys("#code", m.Code(t))(ctx, target)
	}
	type actions = []chromedp.Action[chromedp.Void]
	out := actions{open("/oauth2/logout"), wait("#logout-confirm"), click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"),
		wait("main h1")}
	follow(t, ctx, p, []step{
		{"mail-sign-up", actions{open("/demo"), click("main a.main"), wait("#login-submit"), click(`a[href*="/signup"]`), wait("#signup-submit"),
			type_("#name", "Ada Lovelace"), type_("#username", ada), type_("#password", password), click("#terms")}, "I accept the terms"},
		{"mail-mailbox", actions{click("#signup-submit"), chromedp.WaitNotPresent("#signup-submit"), wait("main h1")}, "Check your email"},
		{"mail-verify", actions{email(ada, "/verify?t="), wait("#link-submit")}, ada},
		{"mail-verified", actions{click("#link-submit"), wait("#consent-allow")}, "Demo app"},
		{"mail-demo", actions{click("#consent-allow"), chromedp.WaitNotPresent("#consent-allow"), wait("main h1")}, "token"},
		{"mail-address", actions{open("/account/email"), wait("#email-submit"), type_("#username", later)}, "New address"},
		{"mail-address-asked", actions{click("#email-submit"), chromedp.WaitNotPresent("#email-submit"), wait("main h1")}, later},
		{"mail-address-link", actions{email(later, "/verify-address?t="), wait("#link-submit")}, later},
		{"mail-address-done", actions{click("#link-submit"), chromedp.WaitNotPresent("#link-submit"), wait("main h1")}, "confirmed"},
		{"mail-forgot", append(append(actions{}, out...), open("/signin"), wait("#login-submit"), click(`a[href*="/forgot"]`),
			wait("#forgot-submit"), type_("#username", later)), "Forgot"},
		{"mail-forgot-sent", actions{click("#forgot-submit"), chromedp.WaitNotPresent("#forgot-submit"), wait("main h1")}, "Check your email"},
		{"mail-reset", actions{email(later, "/reset?t="), wait("#password-submit"), type_("#password", fresh[:5])}, "Still too short"},
		{"mail-reset-good", actions{type_("#password", fresh[5:])}, "Strong"},
		{"mail-reset-done", actions{click("#password-submit"), wait(".menu")}, later},
		{"mail-code", append(append(actions{}, out...), open("/signin"), wait("#login-submit"), click(`a[href*="/signin/code"]`),
			wait("#code-ask"), type_("#username", later)), "six-digit code"},
		{"mail-code-sent", actions{click("#code-ask"), wait("#code-submit"), code}, "Enter it here"},
		{"mail-code-done", actions{click("#code-submit"), wait(".menu")}, later},
		{"mail-not-me", actions{email(later, "/not-me?t="), wait("#link-submit")}, "Wasn’t this you"},
		{"mail-locked", actions{click("#link-submit"), chromedp.WaitNotPresent("#link-submit"), wait("main h1")}, "locked"},
		{"mail-locked-out",
			actions{open("/account"), wait("#login-submit"), type_("#username", later), type_("#password", fresh), click("#login-submit"),
				wait(".notice.bad")}, "locked"},
		{"mail-unlocked",
			actions{email(later, "/reset?t="), wait("#password-submit"), type_("#password", password), click("#password-submit"), wait(".menu")},
			later},
	})
	for _, leak := range []string{password, fresh, ada, later, "?t="} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}
