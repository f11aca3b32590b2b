package pages

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signet/server/web"
)

// chromium starts a browser for the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium; it is required where CI is set")
		}
		t.Skip("no Chromium on this machine")
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

// serveSamples serves the sample pages with the headers they really have.
func serveSamples(t *testing.T, all map[string]Page) string {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	issuer, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := newPages(t, Options{Upstreams: true, Languages: widest(t), Host: "id.example.org",
		Where: func(string, string) (string, string) { return "Berlin", "Germany" }})
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: p.Error})
	p.Mount(mux)
	mountEmails(mux, p)
	picture := func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, err := w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="232" height="232">` +
			`<path fill="#59c" d="M0 0h232v232H0z"/><circle cx="116" cy="90" r="50" fill="#fc9"/></svg>`))
		return err
	}
	mux.Page("GET /logos/notes/abc", picture)
	mux.Page("GET /logos/wide/abc", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, err := w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="900" height="360">` +
			`<path fill="#59c" d="M0 0h900v360H0z"/></svg>`))
		return err
	})
	mux.Page("GET /pictures/{id}", picture)
	mux.Page("GET /upstreams/work/abc", picture)
	mux.Page("GET /signin/factor/qr", picture)
	mux.Page("GET /account/second-step/qr", picture)
	mux.Page("GET /page/{name}", func(w http.ResponseWriter, r *http.Request) error {
		page := all[r.PathValue("name")]
		if post, ok := page.(FormPost); ok {
			web.AllowFormAction(w, post.Action)
		}
		if out, ok := page.(SigningOut); ok {
			web.AllowFrames(w, out.Frames)
		}
		return p.Render(w, r, http.StatusOK, page)
	})
	handler = mux.Handler()
	return server.URL
}

func within(t *testing.T, ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ask[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// Style and script arrive under the policy, the password can be shown, and nothing scrolls sideways on the smallest phone.
func TestPagesInABrowser(t *testing.T) {
	ctx := chromium(t)
	all := samples()
	delete(all, "form_post")   // leaves at once
	delete(all, "signing_out") // as soon as its frames have loaded
	base := serveSamples(t, all)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, lang := range []string{"en", "de", widestTag} {
			look(t, within(t, ctx), base, name, lang)
		}
	}
}

// A logo may be a word, and wide: it is not pressed into a square, and takes no more than its place (RFC 7591 section 2, logo_uri).
func TestAWideLogoKeepsItsShape(t *testing.T) {
	app := App{ID: "wide", Name: "Wide", Host: "wide.example", LogoURI: "/logos/wide/abc"}
	base := serveSamples(t, map[string]Page{"signin": SignIn{App: &app, Action: "/signin"},
		"consent": Consent{App: app, Action: "/consent?i=abc", Person: Person{Name: "Ada"}, Fixed: []ScopeLine{{Scope: "openid"}}}})
	ctx := within(t, chromium(t))
	for page, high := range map[string]float64{"signin": 24, "consent": 40} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(base+"/page/"+page)); err != nil {
			t.Fatal(err)
		}
		got := ask[[]float64](t, ctx, `(() => { const i = document.querySelector("img.app"), r = i.getBoundingClientRect();
			return [r.width, r.height, getComputedStyle(i).objectFit === "contain" ? 1 : 0]; })()`)
		if got[0] < 2*high || got[0] > 96 || got[1] != high || got[2] != 1 {
			t.Errorf("%s: a logo of 900×360 is shown as %v", page, got)
		}
	}
}

func look(t *testing.T, ctx context.Context, base, name, lang string) {
	t.Helper()
	const width = 320
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(base+"/page/"+name+"?lang="+lang)); err != nil {
		t.Fatal(err)
	}
	if over := ask[int](t, ctx, "document.documentElement.scrollWidth - window.innerWidth"); over > 0 {
		t.Errorf("%s in %s scrolls sideways by %d at %d", name, lang, over, width)
	}
	if got := ask[string](t, ctx, "getComputedStyle(document.body).display"); got != "grid" {
		t.Errorf("%s: the style sheet did not arrive: body is %s", name, got)
	}
	if ask[bool](t, ctx, "[...document.querySelectorAll('button[data-reveal]')].some(b => b.hidden)") {
		t.Errorf("%s: the script did not run", name)
	}
	if broken := ask[int](t, ctx, "[...document.images].filter(i => !i.naturalWidth).length"); broken > 0 {
		t.Errorf("%s: %d pictures did not arrive", name, broken)
	}
}

func TestFormPostGoesOffByItself(t *testing.T) { // OAuth 2.0 Form Post Response Mode section 2; B02, B03
	ctx := chromium(t)
	got := make(chan url.Values, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.ParseForm() == nil {
			got <- r.PostForm
		}
		_, _ = w.Write([]byte("welcome"))
	}))
	t.Cleanup(app.Close)
	base := serveSamples(t,
		map[string]Page{"go": FormPost{App: shop, Action: app.URL + "/cb", Fields: [][2]string{{"code", `a"<b`}, {"state", "x&y"}}}})
	if err := chromedp.Do(within(t, ctx), chromedp.Navigate(base+"/page/go")); err != nil {
		t.Fatal(err)
	}
	select {
	case form := <-got:
		if form.Get("code") != `a"<b` || form.Get("state") != "x&y" {
			t.Errorf("the app got %v", form)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the form was not sent")
	}
}
