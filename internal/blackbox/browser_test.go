package blackbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium starts a headless browser, one new profile for each test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium on this machine: .ci/run installs it")
		}
		t.Skip("no Chromium on this machine: install it to run the browser tests")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-sandbox", os.Geteuid() == 0))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	watch(t, ctx)
	return ctx
}

// watch fails the test on what a page must never do: throw, or be stopped by its own content security policy.
func watch(t *testing.T, ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception in the page: %s", e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError {
				t.Errorf("console error: %v", e.Args)
			}
		}
	})
}

// shots takes a picture of the page as it is, light and dark, desktop and 320 px, and checks that nothing scrolls sideways.
func shots(t *testing.T, name string) chromedp.Action {
	dir := os.Getenv("SIGNET_TEST_SHOTS")
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for _, width := range []int64{1280, 320} {
			for _, scheme := range []string{"light", "dark"} {
				media := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})
				var over bool
				err := chromedp.Run(ctx, chromedp.EmulateViewport(width, 800), media,
					chromedp.Evaluate(`document.documentElement.scrollWidth > document.documentElement.clientWidth`, &over))
				if err != nil {
					return err
				}
				if over {
					t.Errorf("%s scrolls sideways at %d px", name, width)
				}
				if dir == "" {
					continue
				}
				png, err := page.CaptureScreenshot().Do(ctx)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o644); err != nil {
					return err
				}
			}
		}
		return chromedp.Run(ctx, chromedp.EmulateViewport(1280, 800))
	})
}

// labelled checks what a password manager and a screen reader need: every visible field has a label, the page one h1 and a language.
func labelled(t *testing.T, name string) chromedp.Action {
	const script = `(() => {
		const bad = [];
		for (const f of document.querySelectorAll("input:not([type=hidden]),select,textarea")) if (!f.labels || f.labels.length === 0) bad.push("no label: " + f.name);
		if (document.querySelectorAll("h1").length !== 1) bad.push("h1: " + document.querySelectorAll("h1").length);
		if (!document.documentElement.lang) bad.push("no lang");
		for (const e of document.querySelectorAll("[style],style,script:not([src])")) bad.push("inline " + e.tagName);
		return bad;
	})()`
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var bad []string
		if err := chromedp.Evaluate(script, &bad).Do(ctx); err != nil {
			return err
		}
		if len(bad) > 0 {
			t.Errorf("%s: %s", name, strings.Join(bad, "; "))
		}
		return nil
	})
}

// look is labelled and shots.
func look(t *testing.T, name string) chromedp.Action {
	return chromedp.Tasks{labelled(t, name), shots(t, name)}
}

// The README's first minutes: nothing configured, a person registers, signs in, allows the demo app, sees its tokens,
// refreshes them, visits the account page and signs out.
func TestJourneyInTheBrowser(t *testing.T) {
	p := localTrial(t)
	ctx := chromium(t)
	const email = "ada@example.com"
	var at, tokens, refreshed string
	steps := []struct {
		name string
		do   chromedp.Tasks
	}{
		{"open the demo", chromedp.Tasks{chromedp.Navigate(p.url + "/demo"), chromedp.WaitVisible("main"), look(t, "demo")}},
		{"leave for sign-in", chromedp.Tasks{chromedp.Click(`main a[href$="/demo/start"], main form[action$="/demo/start"] button`), chromedp.WaitVisible("#login-submit"), look(t, "signin")}},
		{"wrong password", chromedp.Tasks{chromedp.SendKeys("#username", email), chromedp.SendKeys("#password", "not the password"), chromedp.Click("#login-submit"),
			chromedp.WaitVisible(".notice.bad"), look(t, "signin-wrong")}},
		{"go to sign-up", chromedp.Tasks{chromedp.Click(`a[href*="/signup"]`), chromedp.WaitVisible("#signup-submit"), look(t, "signup")}},
		{"short password", chromedp.Tasks{chromedp.SendKeys("#name", "Ada Lovelace"), chromedp.SendKeys("#username", email),
			chromedp.Evaluate(`document.querySelector("#password").removeAttribute("minlength")`, nil), chromedp.SendKeys("#password", "short"), chromedp.Click("#signup-submit"),
			chromedp.WaitVisible(".notice.bad"), look(t, "signup-error")}},
		{"register", chromedp.Tasks{chromedp.SendKeys("#password", password), chromedp.Click("#signup-submit"), chromedp.WaitVisible("#consent-allow"), look(t, "consent")}},
		{"allow", chromedp.Tasks{chromedp.Click("#consent-allow"), chromedp.WaitVisible(`form[action$="/demo/refresh"] button`), chromedp.Text("main", &tokens), look(t, "tokens")}},
		{"refresh", chromedp.Tasks{chromedp.Click(`form[action$="/demo/refresh"] button`), chromedp.WaitVisible(`form[action$="/demo/refresh"] button`), chromedp.Text("main", &refreshed)}},
		{"account", chromedp.Tasks{chromedp.Navigate(p.url + "/account"), chromedp.WaitVisible("main h1"), look(t, "account")}},
		{"change password", chromedp.Tasks{chromedp.Navigate(p.url + "/account/password"), chromedp.WaitVisible("main h1"), look(t, "password")}},
		{"sign out", chromedp.Tasks{chromedp.Navigate(p.url + "/oauth2/logout"), chromedp.WaitVisible("#logout-confirm"), look(t, "signout"), chromedp.Click("#logout-confirm"),
			chromedp.WaitNotPresent("#logout-confirm"), chromedp.WaitVisible("main h1"), look(t, "signed-out")}},
		{"signed out", chromedp.Tasks{chromedp.Navigate(p.url + "/account"), chromedp.WaitVisible("#login-submit"), chromedp.Location(&at)}},
		{"error page", chromedp.Tasks{chromedp.Navigate(p.url + "/oauth2/authorize?client_id=demo&redirect_uri=https://evil.example/cb&response_type=code&scope=openid"),
			chromedp.WaitVisible("main h1"), look(t, "error"), chromedp.Location(&at)}},
	}
	for _, s := range steps {
		stepCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := chromedp.Run(stepCtx, s.do)
		cancel()
		if err != nil {
			var html, here string
			_ = chromedp.Run(ctx, chromedp.Location(&here), chromedp.OuterHTML("html", &html))
			t.Fatalf("%s: %v at %s\n%s", s.name, err, here, html)
		}
	}
	for _, want := range []string{"at+jwt", email} {
		if !strings.Contains(tokens, want) {
			t.Errorf("the demo does not show %q:\n%s", want, tokens)
		}
	}
	if refreshed == tokens {
		t.Error("refreshing changed nothing on the page")
	}
	if !strings.HasPrefix(at, p.url+"/oauth2/authorize") {
		t.Errorf("a wrong redirect URI left our pages: %s", at)
	}
	for _, leak := range []string{password, "Bearer ey"} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}

// localTrial starts the server as a newcomer does: no configuration, only another port.
func localTrial(t *testing.T) *server {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "config.yaml")
	if err := os.WriteFile(s.config, []byte("# nothing configured\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start(freeAddress(t))
	p.url = strings.Replace(p.url, "127.0.0.1", "localhost", 1)
	return p
}
