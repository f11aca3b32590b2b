package pages

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/internal/mail"
	"signet/server/web"
)

// rename gives every app that a page holds a name of its own in German, in copies.
func rename(v reflect.Value) (reflect.Value, int) {
	if !v.IsValid() {
		return v, 0
	}
	if app, ok := v.Interface().(App); ok {
		if app.Name == "" {
			return v, 0
		}
		app.Name, app.Localized = "Plainly", map[string]string{"client_name#de": "Klangholz"}
		return reflect.ValueOf(app), 1
	}
	total := 0
	switch v.Kind() {
	case reflect.Pointer:
		in, n := rename(v.Elem())
		if n == 0 {
			return v, 0
		}
		to := reflect.New(v.Type().Elem())
		to.Elem().Set(in)
		return to, n
	case reflect.Slice:
		to := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			in, n := rename(v.Index(i))
			to, total = reflect.Append(to, in), total+n
		}
		if total > 0 {
			return to, total
		}
	case reflect.Struct:
		to := reflect.New(v.Type()).Elem()
		to.Set(v)
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if in, n := rename(v.Field(i)); n > 0 {
				to.Field(i).Set(in)
				total += n
			}
		}
		return to, total
	}
	return v, total
}

// TestAppsAreCalledInThePagesLanguage on every page there is, and the page that is shown to the next person is as it was.
func TestAppsAreCalledInThePagesLanguage(t *testing.T) {
	p := newPages(t, Options{})
	asked := 0
	for name, page := range samples() {
		v, n := rename(reflect.ValueOf(page))
		if n == 0 {
			continue
		}
		asked++
		renamed := v.Interface().(Page)
		for lang, never := range map[string]string{"de": "Plainly", "en": "Klangholz"} {
			if body := render(t, p, renamed, "/?lang="+lang, "").Body.String(); strings.Contains(body, never) {
				t.Errorf("%s in %s says %s", name, lang, never)
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d pages have an app", asked)
	}
}

// TestErrorsAndEmailsCallAppsInTheirLanguage: a page of an error is made before its language is known, and an email long before.
func TestErrorsAndEmailsCallAppsInTheirLanguage(t *testing.T) {
	p := newPages(t, Options{})
	app := App{Name: "Plainly", Localized: map[string]string{"client_name#de": "Klangholz", "client_name#pt": "<b>Xilofone",
		"tos_uri#de": "https://a.example/agb"}}
	for lang, want := range map[string]string{"de": "Klangholz", "en": "Plainly", "pt-BR": "&lt;b&gt;Xilofone",
		"fr": "Plainly"} {
		for _, kind := range []string{"redirect_mismatch", "client_disabled"} {
			e := &web.PageError{Kind: kind, Args: map[string]string{}}
			app.Call(e.Args, "Client")
			if len(e.Args) != 3 {
				t.Errorf("%v", e.Args)
			}
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/?lang="+lang, nil)
			if err := p.Error(w, r, e); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"Klangholz", "Plainly", "&lt;b&gt;Xilofone"} {
				if strings.Contains(w.Body.String(), name) != (name == want) {
					t.Errorf("%s in %s: %s", kind, lang, name)
				}
			}
		}
		for _, kind := range []string{mail.TokenReuse, mail.Decision} {
			words := map[string]string{"Message": "–"}
			app.Call(words, "App")
			m, err := p.Email(mail.Email{Kind: kind, Language: lang, At: time.Now(), Link: "/", Args: words})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(want)
			for _, name := range []string{"Klangholz", "Plainly", "<b>Xilofone"} {
				if strings.Contains(m.Text, name) != (name == want) {
					t.Errorf("%s in %s: %s: %s", kind, lang, name, m.Text)
				}
			}
		}
	}
}
