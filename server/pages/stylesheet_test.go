package pages

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"signet/internal/mail"
)

func TestAStyleSheetOfTheOperators(t *testing.T) {
	for css, want := range map[string]string{
		"":                           "",
		".main{border-radius:0}":     "",
		"a{b:url(/static/mark.svg)}": "", `a{b:url( "/static/icon-app.svg" )}`: "",
		`@import "https://evil.example/x.css";`: "@import", `@IMPORT url(/static/a.css);`: "@import", `@\69mport "x";`: "@import",
		`@\000069 mport "x";`: "@import", `"/*" @import url(x); "*/"`: "@import",
		"a{b:url(https://evil.example/?x)}": "url(", "a{b:url(//evil.example)}": "url(", "a{b:URL('data:text/css,x')}": "url(",
		`a{b:u\72l(https://evil.example)}`: "url(", `a{b:\75 rl(https://evil.example)}`: "url(", "a{b:url(/account)}": "url(",
		"a{b:url(/static/../account)}": "url(", "a{b:url(/static/%2e%2e/account)}": "url(", `a{b:url(/static/\2e./account)}`: "url(",
		"a{b:url(/static/x": "url(", `a{b:image-set("https://evil.example/x" 1x)}`: "image-set(", `a{b:src("https://evil.example")}`: "src(",
		`a{b:url("/static/a)/../../account")}`: "url(", `a{b:url('/static/a)/../x')}`: "url(", `a{b:url('/static/mark.svg')}`: "",
		"a{b:url()}": "url(", "a{behavior :url(/static/x)}": "behavior", "a\x00{}": "UTF-8", "\xff": "UTF-8",
		strings.Repeat("a{}\n", LargestBrandFile/4+1): "64 KiB",
	} {
		_, err := New(Options{CSS: []byte(css)})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "branding.css_file")) {
			t.Errorf("%.60q: %v, want %q", css, err, want)
		}
	}
	p := newPages(t, Options{Prefix: "/tenant", CSS: []byte(".main{background:url(/tenant/static/mark.svg)}")})
	if !bytes.HasSuffix(p.assets.files["signet.css"].body, []byte("(/tenant/static/mark.svg)}")) {
		t.Error("the style sheet is not the last of ours")
	}
	if other := newPages(t, Options{}); other.assets.hash == p.assets.hash {
		t.Error("its address does not change with it")
	}
	if _, err := New(Options{Prefix: "/tenant", CSS: []byte("a{b:url(/static/mark.svg)}")}); err == nil {
		t.Error("an address outside the issuer's path is taken")
	}
}

func TestLogosForLightAndDark(t *testing.T) {
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
	p := newPages(t,
		Options{Logo: svg, LogoDark: []byte("\x89PNG\r\n\x1a\n…"), Links: Links{More: []Link{{"Imprint <b>", "https://example.com/i"}}}})
	body := render(t, p, SignIn{Action: "/signin"}, "/signin", "en").Body.String()
	for _, want := range []string{`media="(prefers-color-scheme:dark)" srcset="` + p.assets.url("logo-dark.png") + `"`,
		`<img src="` + p.assets.url("logo.svg") + `" alt="" height="32">`, `<a href="https://example.com/i"><bdi>Imprint &lt;b&gt;</bdi></a>`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for name, o := range map[string]Options{
		"branding.logo_dark": {Logo: svg, LogoDark: []byte("GIF89a")},
		"branding.logo:":     {Logo: append(svg, make([]byte, LargestBrandFile)...)},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the brand's colour, text and buttons can be read: as the server computes, and as the browser derives.
func TestEveryBrandColourCanBeRead(t *testing.T) {
	colours := []string{"#ffcc00", "#00ff00", "#ff00ff", "#fff", "#000", "#808080", "#0000ff", "#8a1f5c"}
	for _, colour := range colours {
		a := accentsOf(colour)
		light, dark := parseColour(a.light).underWhite(), parseColour(a.dark).contrast(parseColour(darkPage))
		if light < readableContrast-0.05 || dark < readableContrast-0.05 {
			t.Errorf("%s: %.2f on light, %.2f on dark", colour, light, dark)
		}
		m, err := newPages(t, Options{Color: colour}).Email(mail.Email{Kind: mail.Reset, To: "a@x", Link: "https://id.example.com/reset"})
		if err != nil || strings.Count(m.HTML, a.dark) < 2 || strings.Contains(m.HTML, emailDark) {
			t.Errorf("%s: an email in the dark has another colour: %v", colour, err)
		}
	}
	ctx := chromium(t)
	for _, colour := range colours {
		p := newPages(t, Options{Color: colour})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/static/") {
				r.SetPathValue("file", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
				_ = p.assets.serve(w, r)
				return
			}
			_ = p.Render(w, r, http.StatusOK, samples()["sign_in"])
		}))
		for _, scheme := range []string{"light", "dark"} {
			ctx := within(t, ctx)
			if err := chromedp.Do(ctx, preferring(scheme), chromedp.Navigate(server.URL)); err != nil {
				t.Fatal(err)
			}
			if got := ask[float64](t, ctx, leastContrast); got < readableContrast {
				t.Errorf("%s, %s: a contrast of %.2f", colour, scheme, got)
			}
		}
		server.Close()
	}
}

// leastContrast is the lower of the main button's and a link's.
const leastContrast = `(() => {
	const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const light = colour => {
		paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
		const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
		const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(part);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
	};
	const contrast = (a, b) => Math.max(light(a), light(b)) / Math.min(light(a), light(b));
	const button = getComputedStyle(document.querySelector(".main")), link = getComputedStyle(document.querySelector("main a"));
	return Math.min(contrast(button.color, button.backgroundColor),
		contrast(link.color, getComputedStyle(document.documentElement).backgroundColor));
})()`

func TestTheWayToAnAppShowsItsLogo(t *testing.T) {
	pictured := &App{ID: "notes", Name: "Notes", LogoURI: "/logos/notes/abc"}
	for _, page := range []Page{SignIn{App: pictured, Action: "/signin"}, SignUp{App: pictured, Action: "/signup"},
		ChooseAccount{App: pictured, Action: "/choose"}} {
		body := render(t, newPages(t, Options{}), page, "/x", "en").Body.String()
		if !strings.Contains(body, `<img class="app" src="/logos/notes/abc" alt="" width="24" height="24">`) {
			t.Errorf("%s does not show the app's logo", page.Template())
		}
	}
}

func FuzzStyleSheet(f *testing.F) {
	f.Add("a{b:url(/static/mark.svg)}")
	f.Add(`@\69mport "x"`)
	f.Fuzz(func(t *testing.T, css string) {
		if checkCSS([]byte(css), "") == nil && strings.Contains(strings.ToLower(css), "@import") {
			t.Errorf("%q is taken", css)
		}
	})
}
