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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium starts a headless browser with a profile of its own, in which no page throws or is stopped by its content security policy.
func chromium(t *testing.T) context.Context {
	t.Helper()
	ctx := anyChromium(t)
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception in a page: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || e.Entry.Source == log.EntrySourceJavascript {
				t.Errorf("a page complains: %s", e.Entry.Text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// anyChromium starts one in which pages of others are opened, too.
func anyChromium(t *testing.T) context.Context {
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
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// shots takes pictures of the page as it is, light and dark, desktop and 320 px, and checks that nothing scrolls sideways.
func shots(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SIGNET_TEST_SHOTS")
	for _, width := range []int64{1280, 320} {
		for _, scheme := range []string{"light", "dark"} {
			prefer := func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
				_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
				return chromedp.Void{}, err
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), prefer); err != nil {
				t.Fatal(err)
			}
			over, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - window.innerWidth"))
			if err != nil || over > 0 {
				t.Errorf("%s scrolls sideways by %d at %d px (%v)", name, over, width, err)
			}
			if dir == "" {
				continue
			}
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
}

// look checks what a password manager and a screen reader need: every field has a label, the page one h1 and a language; and
// that nothing is inline. Then it takes pictures.
func look(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	bad, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`(() => {
		const bad = [];
		for (const f of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
			if (!f.closest("[aria-hidden]") && (!f.labels || f.labels.length === 0)) bad.push("no label: " + f.name);
		if (document.querySelectorAll("h1").length !== 1) bad.push("h1: " + document.querySelectorAll("h1").length);
		if (!document.documentElement.lang) bad.push("no lang");
		for (const e of document.querySelectorAll("[style],style,script:not([src])")) bad.push("inline " + e.tagName);
		return bad;
	})()`))
	if err != nil || len(bad) > 0 {
		t.Errorf("%s: %s (%v)", name, strings.Join(bad, "; "), err)
	}
	shots(t, ctx, name)
}

// The README's first minutes: nothing configured, a person registers, signs in, allows the demo app, sees its tokens,
// refreshes them, visits the account page and signs out.
func TestJourneyInTheBrowser(t *testing.T) {
	p := localTrial(t)
	ctx := chromium(t)
	const email = "grace.journey@example.com"
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait, open := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string], func(
		path string) chromedp.Action[chromedp.Void] {
		return chromedp.Navigate(p.url + path)
	}
	const refresh = `form[action$="/demo/refresh"] button`
	steps := []struct {
		name string
		do   actions
	}{
		{"demo", actions{open("/demo"), wait("main h1")}},
		{"signin", actions{click(`main a[href$="/demo/start"]`), wait("#login-submit")}},
		{"signin-wrong", actions{type_("#username", email), type_("#password", "not the password"), click("#login-submit"), wait(".notice.bad")}},
		{"signup", actions{click(`a[href*="/signup"]`), wait("#signup-submit")}},
		{"signup-error",
			actions{type_("#name", "Grace Hopper"), type_("#username", email), chromedp.RemoveAttribute("#password", "minlength"),
				type_("#password", "short"), click("#signup-submit"), wait(".notice.bad")}},
		{"consent", actions{type_("#password", password), click("#signup-submit"), wait("#consent-allow")}},
		{"tokens", actions{click("#consent-allow"), wait(refresh)}},
		{"refreshed", actions{click(refresh), chromedp.Sleep(200 * time.Millisecond), wait(refresh)}},
		{"account", actions{open("/account"), wait("main h1")}},
		{"password", actions{open("/account/password"), wait("main h1")}},
		{"signout", actions{open("/oauth2/logout"), wait("#logout-confirm")}},
		{"signed-out", actions{click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"), wait("main h1")}},
		{"account-signed-out", actions{open("/account"), wait("#login-submit")}},
		{"error", actions{open("/oauth2/authorize?client_id=demo&redirect_uri=https://evil.example/cb&response_type=code&scope=openid"),
			wait("main h1")}},
	}
	seen, where := map[string]string{}, map[string]string{}
	for _, s := range steps {
		stepCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		if err := chromedp.Do(stepCtx, s.do...); err != nil {
			here, _ := chromedp.Run(ctx, chromedp.Location())
			html, _ := chromedp.Run(ctx, chromedp.OuterHTML("html"))
			cancel()
			t.Fatalf("%s: %v at %s\n%s\n%s", s.name, err, here, html, p.out)
		}
		cancel()
		look(t, ctx, s.name)
		seen[s.name], _ = chromedp.Run(ctx, chromedp.TextContent("main"))
		where[s.name], _ = chromedp.Run(ctx, chromedp.Location())
	}
	for _, want := range []string{"at+jwt", email} {
		if !strings.Contains(seen["tokens"], want) {
			t.Errorf("the demo does not show %q:\n%s", want, seen["tokens"])
		}
	}
	if seen["refreshed"] == seen["tokens"] {
		t.Error("refreshing changed nothing on the page")
	}
	if !strings.HasPrefix(where["error"], p.url+"/oauth2/authorize") {
		t.Errorf("a wrong redirect URI left our pages: %s", where["error"])
	}
	for _, leak := range []string{password, "eyJ", email, "not the password"} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}

// localTrial starts the server as people who try Signet do: no configuration, only another port.
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
