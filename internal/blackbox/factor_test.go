package blackbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// phone is the authenticator app and the drawer with the recovery codes.
type phone struct {
	secret string
	codes  []string
}

// scan reads the secret off the page.
func (p *phone) scan(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
	text, err := chromedp.TextContent("#totp-secret")(ctx, target)
	p.secret = strings.Join(strings.Fields(text), "")
	return done, err
}

// enter types the code of so many steps from now: each is good once.
func (p *phone) enter(steps int) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		code, err := totp.GenerateCode(p.secret, time.Now().Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			return done, err
		}
		return chromedp.SendKeys("#code", code)(ctx, target)
	}
}

// keep reads the recovery codes off the page.
func (p *phone) keep(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
	text, err := chromedp.TextContent("ol.codes")(ctx, target)
	p.codes = regexp.MustCompile(`(?:[A-Z2-7]{4} ){5}[A-Z2-7]{4}`).FindAllString(text, -1)
	if err == nil && len(p.codes) != 10 {
		err = fmt.Errorf("%d recovery codes in %q", len(p.codes), text)
	}
	return done, err
}

func (p *phone) recovery(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	return chromedp.SendKeys("#code", strings.ToLower(p.codes[4]))(ctx, target)
}

// mailbox reads the newest email that matches.
func mailbox(ctx context.Context, dir string, form *regexp.Regexp) (string, error) {
	for {
		files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
		if err != nil {
			return "", err
		}
		for i := len(files) - 1; i >= 0; i-- {
			text, err := os.ReadFile(files[i])
			if err != nil {
				return "", err
			}
			plain := strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(string(text))
			if found := form.FindStringSubmatch(plain); found != nil {
				return found[1], nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Ada turns an authenticator app on, signs in with a code and with a recovery code, then loses her phone: a mailed code begins
// the wait, and the link of the first email stops it.
func TestSecondStepInTheBrowser(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	emails := filepath.Join(s.dir, "emails")
	s.config = filepath.Join(s.dir, "config.yaml")
	if err := os.WriteFile(s.config, []byte("mail:\n  sender: file\n  directory: "+emails+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start(freeAddress(t))
	p.url = strings.Replace(p.url, "127.0.0.1", "localhost", 1)
	const ada = "ada.factor@example.com"
	s.person(ada)
	ctx := chromium(t)
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	var pocket phone
	out := actions{open("/oauth2/logout"), wait("#logout-confirm"), click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"),
		wait("main h1")}
	in := actions{open("/signin"), wait("#login-submit"), type_("#username", ada), type_("#password", password), click("#login-submit")}
	again := append(append(append(actions{}, out...), in...), wait("#factor-submit"))
	mailed := func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		code, err := mailbox(ctx, emails, regexp.MustCompile(`Subject: Your sign-in code is (\d{6})`))
		if err == nil {
			_, err = chromedp.SendKeys("#code", code)(ctx, target)
		}
		return done, err
	}
	stop := func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		link, err := mailbox(ctx, emails, regexp.MustCompile(`(http://\S+/recover/stop\?t=[\w-]+)`))
		if err != nil {
			return done, err
		}
		return chromedp.Navigate(link)(ctx, target)
	}
	steps := []struct {
		name string
		do   actions
		want string
	}{
		{"factor-off", append(append(actions{}, in...), wait(".menu"), open("/account/second-step"), wait("#totp-add")), "Authenticator app"},
		{"factor-setup", actions{click("#totp-add"), wait("#totp-confirm"), pocket.scan}, "Scan this QR code"},
		{"factor-codes", actions{pocket.enter(-1), click("#totp-confirm"), wait("#codes-next"), pocket.keep}, "Save these codes now"},
		{"factor-on", actions{click("#codes-next"), wait("#totp-remove")}, "10 codes left"},
		{"factor-ask", again, "Enter your code"},
		{"factor-wrong", actions{type_("#code", "000000"), click("#factor-submit"), wait(".notice.bad")}, "incorrect"},
		{"factor-done", actions{pocket.enter(0), click("#factor-submit"), wait(".menu")}, ada},
		{"factor-recovery",
			append(append(actions{}, again...), click(`a[href*="way=recovery"]`), wait(`input[name=way][value=recovery] ~ .field #code`)),
			"Recovery code"},
		{"factor-recovered", actions{pocket.recovery, click("#factor-submit"), wait(".menu")}, ada},
		{"factor-lost", append(append(actions{}, again...), click(`a[href*="/recover"]`), wait("#recover-send")), "3 days"},
		{"factor-lost-code", actions{click("#recover-send"), wait("#recover-code")}, "Code from the email"},
		{"factor-lost-wait", actions{mailed, click("#recover-code"), chromedp.WaitNotPresent("#recover-code"), wait("main h1")},
			"The waiting period has started"},
		{"factor-lost-stop", actions{stop, wait("#recover-stop")}, "Keep two-step verification on"},
		{"factor-lost-stopped", actions{click("#recover-stop"), wait("#recover-password")}, "Recovery has been stopped"},
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
	}
	for _, leak := range []string{password, ada, pocket.secret, "/recover/stop?t="} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}
