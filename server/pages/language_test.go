package pages

import (
	"cmp"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"signet/internal/mail"
	"signet/templates"
)

func TestALanguageIsAddedByAFile(t *testing.T) {
	p, err := New(Options{Languages: fstest.MapFS{
		"he.json": {Data: []byte(
			`{"language.name": "עברית", "language.dir": "rtl", "signin.title": "כניסה", "mail.reset.subject": "סיסמה חדשה"}`)},
		"en.json":  {Data: []byte(`{"signin.title": "Log in"}`)},
		"note.txt": {Data: []byte("no language")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	page := func(accept string) string {
		r := httptest.NewRequest(http.MethodGet, "/signin", nil)
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		if err := p.Render(w, r, http.StatusOK, SignIn{Action: "/signin", ForgotURL: "/forgot"}); err != nil {
			t.Fatal(err)
		}
		return w.Body.String()
	}
	hebrew := page("he-IL")
	for _, want := range []string{`lang="he" dir="rtl"`, "כניסה", "Forgot password?", ">עברית<"} {
		if !strings.Contains(hebrew, want) {
			t.Errorf("the Hebrew page lacks %q", want)
		}
	}
	if english := page("en"); !strings.Contains(english, "Log in") || !strings.Contains(english, "Forgot password?") {
		t.Error("the operator's own English words are not taken")
	}
	if got := p.Languages(); got[0] != "en" || got[len(got)-1] != "he" || !slices.Contains(got, "de") {
		t.Errorf("languages %s", got)
	}
	if m, err := p.Email(mail.Email{Kind: mail.Reset, To: "a@x", Language: "he"}); err != nil || m.Subject != "סיסמה חדשה" ||
		!strings.Contains(m.Text, "Open the page") {
		t.Errorf("email %q, %v", m.Subject, err)
	}
	for name, files := range map[string]fstest.MapFS{
		"no tag": {"words.of.mine.json": {Data: []byte(`{}`)}}, "no JSON": {"fr.json": {Data: []byte(`{`)}},
		"an odd text": {"fr.json": {Data: []byte(`{"signin.title": 5}`)}},
	} {
		if _, err := New(Options{Languages: files}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestOneOddItemOfAcceptLanguageLeavesTheRest(t *testing.T) {
	p := newPages(t, Options{})
	for accept, want := range map[string]string{
		"de":                                     "de",
		"de;q=abc, fr;q=0.5":                     "fr",
		"de;q=2, fr":                             "fr",
		"de;q=, fr":                              "fr",
		"fr;q=0.4, de;q=0.9, en;q=0.1":           "de",
		"en;q=0, de;q=0.1":                       "de",
		"*, de;q=0.5":                            "de",
		"*":                                      "en",
		"tlh, de":                                "de",
		"!!, de":                                 "de",
		"de_DE@euro, es":                         "es",
		"de-XQ":                                  "de",
		"xx-klingon, it":                         "it",
		strings.Repeat("a", 500) + ", nl":        "nl",
		strings.Repeat("x-a, ", 30) + "pt-BR":    "pt-BR",
		"de ; q = 0.2 , ar ; level=1;q=0.7":      "ar",
		"":                                       "en",
		",,;;,=;q, fr":                           "fr",
		"\x00, fr":                               "fr",
		strings.Repeat("de;q=0.1,", 5000) + "fr": "de",
	} {
		r := httptest.NewRequest(http.MethodGet, "/signin", nil)
		r.Header["Accept-Language"] = []string{accept}
		if got := p.Language(r); got != want {
			t.Errorf("%.60q: %s, want %s", accept, got, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/signin", nil)
	r.Header["Accept-Language"] = []string{"tlh", "de;q=0.5"}
	if got := p.Language(r); got != "de" {
		t.Errorf("two lines: %s, want de", got)
	}
	for _, locales := range [][]string{{"!!", "de"}, {"", "x", "de"}, {"de-XQ"}} { // ui_locales likewise
		if got := p.Language(r.WithContext(WithLocales(r.Context(), locales))); got != "de" {
			t.Errorf("ui_locales %q: %s, want de", locales, got)
		}
	}
}

func TestTextsInAnotherLanguageThanThePageSaySo(t *testing.T) {
	p, err := New(Options{Languages: fstest.MapFS{"he.json": {Data: []byte(`{"language.dir": "rtl", "signin.title": "כניסה"}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	page := func(lang string, page Page) string {
		w := httptest.NewRecorder()
		if err := p.Render(w, httptest.NewRequest(http.MethodGet, "/signin?lang="+lang, nil), http.StatusOK, page); err != nil {
			t.Fatal(err)
		}
		return w.Body.String()
	}
	hebrew := page("he", SignIn{Action: "/signin", ForgotURL: "/forgot"})
	for _, want := range []string{`<h1>כניסה</h1>`, `<bdi lang="en" dir="ltr">Forgot password?</bdi>`} {
		if !strings.Contains(hebrew, want) {
			t.Errorf("the Hebrew page lacks %s", want)
		}
	}
	if strings.Contains(hebrew, "&lt;bdi") || strings.Contains(hebrew, `="<bdi`) {
		t.Error("the mark shows in an attribute")
	}
	for _, lang := range []string{"en", "ar"} {
		if strings.Contains(page(lang, SignIn{Action: "/signin", ForgotURL: "/forgot"}), `<bdi lang=`) {
			t.Errorf("a page that is whole in %s is marked", lang)
		}
	}
	title := map[string]string{"de": "Lesen"}
	if consent := page("ar",
		Consent{App: App{Name: "Shop"},
			Choices: []ScopeLine{{Scope: "read", Owner: "api", Title: title}}}); !strings.Contains(consent, `<bdi lang="de">Lesen</bdi>`) {
		t.Error("a scope's title in another language is not marked")
	}
}

func TestTimesAreInThePersonsZone(t *testing.T) {
	l := newPages(t, Options{}).texts.named("en")
	at := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"": "1 March 2026, 23:30 UTC", "Asia/Tokyo": "2 March 2026, 08:30 JST", "America/Sao_Paulo": "1 March 2026, 20:30 UTC-03",
		"Nowhere/Else": "1 March 2026, 23:30 UTC", "Local": "1 March 2026, 23:30 UTC", "../etc/passwd": "1 March 2026, 23:30 UTC",
	} {
		if got := plainText(l.moment(Person{Zone: name}.At(at))); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	m, err := newPages(t, Options{}).Email(
		mail.Email{Kind: mail.RecoveryStarted, Zone: "Asia/Tokyo", At: at, Link: "/", Args: map[string]string{"Day": at.Format(time.RFC3339)}})
	if err != nil || !strings.Contains(m.Text, "2 March 2026") || strings.Contains(m.Text, "1 March") {
		t.Errorf("the email says %s (%v)", m.Text, err)
	}
}

// TestAppsAreShownInThePagesLanguage (RFC 7591 section 2.2), on every page that shows one.
func TestAppsAreShownInThePagesLanguage(t *testing.T) {
	app := App{ID: "shop", Name: "Shop", TOSURI: "https://shop.example/terms", PolicyURI: "https://shop.example/policy"}
	app.Localized = map[string]string{
		"client_name#de": "Laden", "client_name#de-AT": "Geschäft", "client_name#pt": "Loja", "client_name#FR-ca": "Boutique",
		"tos_uri#de": "https://shop.example/agb", "policy_uri#es": "https://shop.example/privacidad",
		"logo_uri#de": "/logos/shop%20de/1",
	}
	for tag, want := range map[string]string{"en": "Shop", "de": "Laden", "de-AT": "Geschäft", "de-CH": "Laden", "pt-BR": "Loja",
		"fr": "Boutique", "it": "Shop"} {
		if got := app.In(tag); got.Name != want {
			t.Errorf("%s: %q, want %q", tag, got.Name, want)
		}
	}
	if de := app.In("de"); de.TOSURI != "https://shop.example/agb" || de.PolicyURI != app.PolicyURI || de.LogoURI != "/logos/shop%20de/1" {
		t.Errorf("%+v", de)
	}
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []Page{SignIn{App: &app}, Consent{App: app}, Apps{Apps: []AppLine{{App: app}}}} {
		for tag, want := range map[string]string{"de": "Laden", "en": "Shop"} {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/?lang="+tag, nil)
			if err := p.Render(w, r, 200, page); err != nil {
				t.Fatal(err)
			}
			if body := w.Body.String(); !strings.Contains(body, want) || tag == "de" && strings.Contains(body, ">Shop<") {
				t.Errorf("%s in %s: no %q", page.Template(), tag, want)
			}
		}
	}
	if app.Name != "Shop" {
		t.Error("the page's own app was changed")
	}
}

// TestLanguagesAreReadWhenNeeded: a list of them is made of the first lines of our files, and all of an operator's.
func TestLanguagesAreReadWhenNeeded(t *testing.T) {
	c, err := readCatalogue(nil)
	if err != nil || len(c.languages) != 8 {
		t.Fatal(c, err)
	}
	for i := range c.languages {
		l := &c.languages[i]
		raw, err := fs.ReadFile(templates.Files, "lang/"+l.tag+".json")
		if err != nil {
			t.Fatal(err)
		}
		if name, dir := aboutLanguage(raw, false); name != l.name || cmp.Or(dir, "ltr") != l.dir || name == l.tag {
			t.Errorf("%s is %q %s in a list, and %q %s in its file", l.tag, l.name, l.dir, name, dir)
		}
		if text := l.say("consent.allow"); text == "consent.allow" || l.tag != "en" && text == c.languages[0].say("consent.allow") {
			t.Errorf("%s says %q", l.tag, text)
		}
	}
	own := fstest.MapFS{"he.json": {Data: []byte(
		`{"consent.allow": "כן", "language.name": "עברית", "signin.title": "x", "language.dir": "rtl"}`)}}
	if c, err = readCatalogue(own); err != nil || c.exactly("he").name != "עברית" || c.exactly("he").dir != "rtl" {
		t.Errorf("%+v %v", c, err)
	}
	if he := c.exactly("he"); he.say("consent.allow") != "כן" ||
		he.say("consent.deny") != "Deny" || he.marked("consent.deny", "Deny") == "Deny" {
		t.Errorf("%s %s", he.say("consent.allow"), he.say("consent.deny"))
	}
	own["xx.json"] = &fstest.MapFile{Data: []byte(`{"a": `)}
	if _, err := readCatalogue(own); err == nil || !strings.Contains(err.Error(), "xx.json") {
		t.Errorf("a broken file of the operator's: %v", err)
	}
}
