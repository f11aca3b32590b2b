package pages

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"signet/internal/mail"
)

func TestTheBrandColourReachesPicturesAndEmails(t *testing.T) {
	for colour, want := range map[string]string{"#8a1f5c": "#8a1f5c", "#ffcc00": "", "#fff": "", "#abc": ""} {
		p := newPages(t, Options{Color: colour})
		mark, rosette := string(p.assets.files["mark.svg"].body), string(p.assets.files["rosette.svg"].body)
		if strings.Contains(mark, sealColour) || strings.Contains(rosette, rosetteColour) {
			t.Errorf("%s: a picture keeps the design's colour", colour)
		}
		m, err := p.Email(mail.Email{Kind: mail.Reset, To: "a@x", Link: "https://id.example.com/reset"})
		if err != nil {
			t.Fatal(err)
		}
		if want != "" && (!strings.Contains(mark, want) || !strings.Contains(m.HTML, want)) {
			t.Errorf("%s, which can be read, is another in the seal or the email", colour)
		}
		if c := parseColour(p.accents.light); c.underWhite() < readableContrast-0.05 || !strings.Contains(m.HTML, p.accents.light) ||
			!strings.Contains(mark, p.accents.light) {
			t.Errorf("%s became %s, with a contrast of %.2f", colour, p.accents.light, c.underWhite())
		}
	}
	if p := newPages(t, Options{}); !strings.Contains(string(p.assets.files["mark.svg"].body), sealColour) ||
		!strings.Contains(string(p.assets.files["rosette.svg"].body), rosetteColour) {
		t.Error("the pictures have other colours than colour.go says")
	}
}

func TestNetworksAreInWords(t *testing.T) {
	l := newPages(t, Options{}).texts.named("en")
	for network, want := range map[string]string{
		"127.0.0.0/24": "This computer", "::1": "This computer", "::ffff:127.0.0.1": "This computer", "10.1.2.0/24": "Private network",
		"192.168.0.7": "Private network", "fd00:1::/56": "Private network", "203.0.113.0/24": "Network 203.0.113.x",
		"2001:db8:10:200::/56": "Network 2001:db8:10:200:x", "198.51.100.7": "Network 198.51.100.x",
		"2001:db8:10:2aa::7": "Network 2001:db8:10:200:x", "0.0.0.0": "0.0.0.0", "": "", "<odd>": "<odd>",
	} {
		if got := plainText(l.network(network)); got != want {
			t.Errorf("%s: %s, want %s", network, got, want)
		}
	}
}

func TestEventsHaveAPictureOfTheirKind(t *testing.T) {
	p := newPages(t, Options{})
	seen := map[string]bool{}
	for _, name := range []string{
		"password.changed", "passkey.added", "factor.added", "email.changed", "consent.given", "refresh.reused", "user.changed",
		"session.started", "new.kind",
	} {
		picture := eventIcon(EventLine{Name: name})
		if _, there := p.assets.files[picture]; !there {
			t.Errorf("%s has no picture: %s", name, picture)
		}
		seen[picture] = true
	}
	if len(seen) < 8 {
		t.Errorf("%d pictures for 8 kinds", len(seen))
	}
}

func TestTheLanguageIsOneControl(t *testing.T) {
	w := httptest.NewRecorder()
	if err := newPages(t, Options{}).Render(w, httptest.NewRequest(http.MethodGet, "/signin?i=abc", nil), http.StatusOK,
		SignIn{Action: "/signin"}); err != nil {
		t.Fatal(err)
	}
	_, foot, _ := strings.Cut(w.Body.String(), "<footer")
	if !strings.Contains(foot, "<details") || !strings.Contains(foot, `<summary>Language: <b>English</b></summary>`) ||
		!strings.Contains(foot, `href="?i=abc&amp;lang=ar" hreflang="ar" lang="ar" dir="rtl"`) {
		t.Errorf("the foot of the page: %s", foot)
	}
}

// The menu of languages opens in view, above its words and aligned with them, whichever way the page is read.
const menuBelongs = `(menu => { menu.open = true;
	const words = menu.querySelector("summary").getBoundingClientRect(), list = menu.querySelector("ul").getBoundingClientRect(),
		side = document.dir === "rtl" ? "right" : "left";
	return Math.abs(words[side] - list[side]) < 2 && list.bottom <= words.top + 1 && list.left >= 0 && list.right <= innerWidth;
})(document.querySelector(".lang"))`

// What was misaligned, below the fold or in three rows.
func TestLaidOutInABrowser(t *testing.T) {
	ctx := chromium(t)
	base := serveSamples(t, samples())
	for _, tt := range []struct {
		page          string
		width, height int64
		holds         string // a script's truth
	}{
		{"consent", 1280, 720, `document.getElementById("consent-allow").getBoundingClientRect().bottom <= innerHeight`},
		{"consent", 360, 740, `document.getElementById("consent-deny").getBoundingClientRect().bottom <= innerHeight`},
		{"account", 360, 740, `new Set([...document.querySelectorAll(".menu>li")].map(e => e.offsetTop)).size === 1`},
		{"your_data", 360, 740,
			`(e => e.left >= 0 && e.right <= innerWidth)(document.querySelector(".menu [aria-current]").getBoundingClientRect())`},
		{"recovery_codes", 1280, 720, `new Set([...document.querySelectorAll(".codes>li")].map(e => e.getBoundingClientRect().top)).size === 1`},
		{"recovery_codes_sign_in", 1280, 720, `document.querySelector("main").offsetWidth > 300`},
		{"recovery_codes", 360, 740, `[...document.querySelectorAll("[data-codes] button")].every(e => e.offsetHeight > 0)`},
		{"passkey_offer", 360, 740,
			`new Set([...document.querySelectorAll(".actions button")].filter(e => e.offsetHeight)` +
				`.map(e => e.getBoundingClientRect().height)).size === 1`},
		{"sign_in", 360, 740, `document.querySelector(".foot").offsetHeight < 80`},
		{"factor_setup", 360, 740, `document.querySelectorAll(".steps>li").length === 2`},
		{"apps_empty", 360, 740, `document.querySelector("h1").getBoundingClientRect().top < 190`},
		{"apps_empty", 768, 1024, `document.querySelector("h1").getBoundingClientRect().top < 190`},
		{"account_empty", 360, 740, `document.querySelector(".top").offsetHeight < 100`},
		{"logins", 360, 740, `new Set([...document.querySelectorAll(".rows button")].map(e => e.offsetWidth)).size === 1`},
		{"signed_out", 360, 740, `[...document.querySelectorAll(".actions>*")].every(e => e.offsetHeight < 60)`},
		{"sign_in", 360, 740, menuBelongs}, {"account", 1280, 720, menuBelongs},
		{"sign_in&lang=ar", 360, 740, menuBelongs}, {"account&lang=ar", 1280, 720, menuBelongs}, {"account&lang=ar", 320, 740, menuBelongs},
		{"profile", 1280, 720, `document.querySelector("form").offsetHeight < 1500`},
	} {
		ctx := within(t, ctx)
		page, lang, _ := strings.Cut(tt.page, "&lang=")
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(tt.width, tt.height),
			chromedp.Navigate(base+"/page/"+page+"?lang="+cmp.Or(lang, "en"))); err != nil {
			t.Fatal(err)
		}
		if !ask[bool](t, ctx, tt.holds) {
			t.Errorf("%s at %d×%d: not %s", tt.page, tt.width, tt.height, tt.holds)
		}
	}
}

func TestTheCheckUpSaysWhatToDoNext(t *testing.T) {
	p := newPages(t, Options{})
	person := Person{Name: "Ada", Email: "ada@example.org"}
	for name, tt := range map[string]struct {
		page Account
		want string
	}{
		"nothing":     {Account{Person: person, Mail: true, Factors: &Factors{}}, `href="/account/email">Verify`},
		"an address":  {Account{Person: person, Mail: true, Verified: true, Factors: &Factors{}}, `href="/account/second-step">Turn on`},
		"no mail":     {Account{Person: person, Factors: &Factors{}}, `href="/account/second-step">Turn on`},
		"two factors": {Account{Person: person, Factors: &Factors{TOTP: true}}, `href="/account/passkeys">Add`},
		"a passkey":   {Account{Person: person, Mail: true, Verified: true, Factors: &Factors{Passkeys: 1}}, "Your account is well protected."},
	} {
		w := httptest.NewRecorder()
		if err := p.Render(w, httptest.NewRequest(http.MethodGet, "/account", nil), http.StatusOK, tt.page); err != nil {
			t.Fatal(err)
		}
		if body := w.Body.String(); !strings.Contains(body, tt.want) || strings.Count(body, "checkup-next") > 1 {
			t.Errorf("%s: the page lacks %s, or says more than one thing to do", name, tt.want)
		}
	}
}
