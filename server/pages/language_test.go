package pages

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"signet/internal/mail"
)

func TestALanguageIsAddedByAFile(t *testing.T) {
	p, err := New(Options{Languages: fstest.MapFS{
		"he.json":  {Data: []byte(`{"language.name": "עברית", "language.dir": "rtl", "signin.title": "כניסה", "mail.reset.subject": "סיסמה חדשה"}`)},
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
	if m, err := p.Email(mail.Email{Kind: mail.Reset, To: "a@x", Language: "he"}); err != nil || m.Subject != "סיסמה חדשה" || !strings.Contains(m.Text, "Open the page") {
		t.Errorf("email %q, %v", m.Subject, err)
	}
	for name, files := range map[string]fstest.MapFS{
		"no tag": {"words.of.mine.json": {Data: []byte(`{}`)}}, "no JSON": {"fr.json": {Data: []byte(`{`)}}, "an odd text": {"fr.json": {Data: []byte(`{"signin.title": 5}`)}},
	} {
		if _, err := New(Options{Languages: files}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
