package pages

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"signet/server/web"
	"signet/templates"
)

func messages(t *testing.T, lang string) map[string]any {
	t.Helper()
	raw, err := fs.ReadFile(templates.Files, "lang/"+lang+".json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Every text that a template asks for by name is there.
func TestTemplatesUseOnlyTextsThatExist(t *testing.T) {
	en := messages(t, "en")
	call := regexp.MustCompile(`\b(?:t|plural) "([a-z0-9_.]+)"`)
	_ = fs.WalkDir(templates.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".html" {
			return err
		}
		raw, _ := fs.ReadFile(templates.Files, path)
		for _, m := range call.FindAllSubmatch(raw, -1) {
			if en[string(m[1])] == nil {
				t.Errorf("%s uses %s, which nobody wrote", path, m[1])
			}
		}
		return nil
	})
	for name, page := range samples() {
		if en[page.Title()] == nil {
			t.Errorf("%s: no title %s", name, page.Title())
		}
	}
}

// Every kind of error and every message that handlers hand to pages has its texts, found by reading their source.
func TestHandlersUseOnlyTextsThatExist(t *testing.T) {
	en := messages(t, "en")
	files := token.NewFileSet()
	seen := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "examples") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				value, ok := kv.Value.(*ast.BasicLit)
				if !ok || value.Kind != token.STRING {
					continue
				}
				id, _ := strconv.Unquote(value.Value)
				if id == "" {
					continue
				}
				var want []string
				switch key := nameOf(kv.Key); nameOf(lit.Type) + "." + key {
				case "PageError.Kind":
					seen[id] = true
					want = []string{"error." + id + ".title", "error." + id + ".what", "error." + id + ".do"}
				case "Problem.Message", "SignIn.Problem":
					want = []string{id}
				case "Account.Done":
					want = []string{"done." + id}
				}
				for _, w := range want {
					if en[w] == nil {
						t.Errorf("%s: no text %s", files.Position(kv.Pos()), w)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["not_found"] || !seen["cross_site"] {
		t.Errorf("the search found only %v", slices.Sorted(maps.Keys(seen)))
	}
}

// aboutNobody are facts about a group or a role itself.
var aboutNobody = regexp.MustCompile(`^(group|role)\.(created|changed|deleted)$`)

// Every fact of the audit log that a person may find among their own has its text; one about an app has it with the app's name.
func TestT03_FactsAboutPeopleHaveTexts(t *testing.T) {
	en := messages(t, "en")
	tree, err := parser.ParseFile(token.NewFileSet(), "../../audit/name.go", nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range tree.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST || !strings.Contains(block.Doc.Text(), "people") && !strings.Contains(block.Doc.Text(), "groups") {
			continue
		}
		apps := strings.Contains(block.Doc.Text(), "applications")
		for _, s := range block.Specs {
			for _, v := range s.(*ast.ValueSpec).Values {
				name, _ := strconv.Unquote(v.(*ast.BasicLit).Value)
				found++
				if en["event."+name] == nil && !aboutNobody.MatchString(name) {
					t.Errorf("no text event.%s", name)
				}
				if apps && en["event."+name+".app"] == nil {
					t.Errorf("no text event.%s.app", name)
				}
			}
		}
	}
	if found < 25 {
		t.Errorf("the search found only %d names", found)
	}
}

// A form of the account says to whom it was shown, so that it does nothing for another account of the same browser.
func TestFormsOfTheAccountCarryItsMark(t *testing.T) {
	paths, _ := fs.Glob(templates.Files, "pages/*.html")
	paths = append(paths, "partials.html")
	found := 0
	for _, path := range paths {
		raw, _ := fs.ReadFile(templates.Files, path)
		if path != "partials.html" && !strings.Contains(string(raw), `{{template "menu"`) {
			continue
		}
		for _, form := range strings.Split(string(raw), "<form")[1:] {
			form, _, _ = strings.Cut(form, "</form>")
			found++
			if strings.Contains(form, `method="post"`) && !strings.Contains(form, `template "as" `) {
				t.Errorf(`%s: a form without template "as": %.80s`, path, form)
			}
		}
	}
	if found < 8 {
		t.Errorf("looked at %d forms only", found)
	}
}

func nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

func TestLanguageIsChosen(t *testing.T) {
	p := newPages(t, Options{})
	tests := map[string]struct {
		target, accept string
		locales        []string
		want           string
	}{
		"nothing":           {"/", "", nil, "en"},
		"browser":           {"/", "de-AT,de;q=0.9,en;q=0.5", nil, "de"},
		"browser unknown":   {"/", "tlh", nil, "en"},
		"browser french":    {"/", "fr-CA", nil, "fr"},
		"app":               {"/", "en", []string{"xx-YY", "de-CH"}, "de"},
		"app unknown":       {"/", "de", []string{"xx"}, "de"},
		"app rubbish":       {"/", "de", []string{"../../etc", "%"}, "de"},
		"person":            {"/?lang=en", "de", []string{"de"}, "en"},
		"person rubbish":    {"/?lang=../de", "en", nil, "en"},
		"person twice":      {"/?lang=de&lang=en", "en", nil, "en"},
		"header rubbish":    {"/", ";;;", nil, "en"},
		"swiss is not chef": {"/", "de-CH-1996", nil, "de"},
	}
	for name, tt := range tests {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Accept-Language", tt.accept)
		r = r.WithContext(WithLocales(r.Context(), tt.locales))
		w := httptest.NewRecorder()
		if err := p.Render(w, r, 200, Forgot{}); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Language"); got != tt.want ||
			!strings.Contains(w.Body.String(), `<html lang="`+tt.want+`" dir="ltr">`) {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	got := render(t, p, SignIn{Action: "/signin?i=1", ForgotURL: "/forgot", App: shop, CancelURL: "https://evil.example/"},
		"/signin?i=1&lang=de", "en").Body.String()
	for _, want := range []string{`action="/signin?i=1&amp;lang=de"`, `href="/forgot?lang=de"`, `href="https://evil.example/"`,
		`href="?i=1&amp;lang=en"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the chosen language is not carried on: no %s", want)
		}
	}
}

func TestOutsideTextsAreEscaped(t *testing.T) { // D09
	p := newPages(t, Options{})
	const bad = `<script>alert(1)</script>"'&`
	app := App{ID: bad, Name: bad, Host: bad, PolicyURI: "javascript:alert(1)"}
	person := Person{Name: bad, Email: bad, Username: bad, Mark: bad, Several: true}
	for _, page := range []Page{
		SignIn{App: &app, Action: "javascript:alert(1)", Username: bad, Reauth: &person},
		SignUp{App: &app, Name: bad, Email: bad, Username: bad, AskUsername: true},
		Consent{App: app, Person: person,
			Fixed:   []ScopeLine{{Scope: bad, Title: map[string]string{"": bad}, Description: map[string]string{bad: bad}, Owner: bad}},
			Choices: []ScopeLine{{Scope: bad, Title: map[string]string{bad: bad}, Owner: bad, Sensitive: true}, {Scope: bad, LeftOut: true}},
			Before:  []ScopeLine{{Scope: bad, Title: map[string]string{"": bad}, Owner: bad}}},
		ChooseAccount{App: &app, Action: "javascript:alert(1)", Accounts: []AccountLine{{ID: bad, Person: person}}},
		SignOut{Person: person, Hidden: map[string]string{bad: bad}},
		SignedOut{App: &app, BackURL: "javascript:alert(1)"},
		FormPost{App: &app, Action: "javascript:alert(1)", Fields: [][2]string{{bad, bad}}},
		Account{Person: person, LastActivity: &EventLine{Name: bad, App: App{Name: bad}}},
		Profile{Person: person, Values: map[string]string{"name": bad, "street_address": bad, "zoneinfo": bad}, Zones: []string{bad},
			Locales: []Language{{bad, bad}}},
		Sessions{Person: person, Sessions: []SessionLine{{ID: bad, Agent: bad, Address: bad}}},
		Apps{Person: person, Apps: []AppLine{{App: app, Resources: []string{bad}, Elsewhere: []string{bad},
			Scopes: []ScopeLine{{Scope: bad}}}}},
		YourData{Person: person}, DeleteAccount{Person: person, Problems: []Problem{{Field: "confirm", Message: bad}}},
		KeepAccount{Action: "javascript:alert(1)", Who: person},
		Activity{Person: person, OlderURL: "javascript:alert(1)",
			Events: []EventLine{{Name: bad, App: App{Name: bad}, Agent: bad, Network: bad}, {Name: "consent.given", App: App{Name: bad}}}},
		Error{Kind: "redirect_mismatch", Args: map[string]string{"Client": bad, "Host": bad}, Facts: [][2]string{{bad, bad}},
			Back: "javascript:alert(1)", Reference: bad},
		DemoTokens{Tokens: []DemoToken{{Kind: "id", Claims: [][2]string{{bad, bad}}, Raw: bad}}},
		Forgot{Contact: bad}, Recover{App: &app, Person: person, State: RecoverAsk, Contact: bad, BackURL: "javascript:alert(1)"},
		RecoverLink{Act: "stop", Action: "javascript:alert(1)", Secret: bad},
	} {
		got := render(t, p, page, "/x", "en").Body.String()
		if strings.Contains(got, "<script>") || strings.Contains(got, `"javascript:`) {
			t.Errorf("%s lets it through:\n%s", page.Template(), got)
		}
	}
}

func TestNoInlineStyleOrScript(t *testing.T) { // B01
	p := newPages(t, Options{})
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]| style=| on[a-z]+=|//[a-z]+\.example[^"<]*\.(?:css|js|png|svg)`)
	for name, page := range samples() {
		got := render(t, p, page, "/x", "en").Body.String()
		if m := inline.FindString(got); m != "" {
			t.Errorf("%s has %q", name, m)
		}
		if strings.Count(got, "<h1>") != 1 {
			t.Errorf("%s: a page has one h1", name)
		}
		if strings.Contains(got, "no-referrer") {
			t.Errorf("%s: no-referrer makes form posts send Origin: null", name)
		}
		if c, ok := page.(complaining); ok && c.wrong() != strings.Contains(got, "<title>Error:") {
			t.Errorf("%s: the title does not tell of the error", name)
		}
		for _, id := range regexp.MustCompile(`<input(?: [^>]*)? id="([^"]+)"[^>]*>`).FindAllStringSubmatch(got, -1) {
			if !strings.Contains(got, `for="`+id[1]+`"`) && !strings.Contains(got, "<label>"+id[0]) {
				t.Errorf("%s: field %s has no label", name, id[1])
			}
		}
		for _, ids := range regexp.MustCompile(`aria-(?:describedby|labelledby)="([^"]+)"`).FindAllStringSubmatch(got, -1) {
			for id := range strings.FieldsSeq(ids[1]) {
				if !strings.Contains(got, `id="`+id+`"`) {
					t.Errorf("%s: %s is named but not there", name, id)
				}
			}
		}
	}
}

func TestErrorPage(t *testing.T) {
	p := newPages(t, Options{})
	issuer, _ := url.Parse("https://id.example")
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: p.Error})
	kind := "expired"
	mux.Page("GET /x", func(http.ResponseWriter, *http.Request) error {
		return &web.PageError{Kind: kind, Args: map[string]string{"Client": "Shop"},
			Facts: []web.Fact{{Name: "error", Value: "invalid_request"}}, Cause: errors.New("row 7")}
	})
	get := func() (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "https://id.example/x", nil)
		mux.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	code, body := get()
	if code != 400 || !strings.Contains(body, "This page has expired") ||
		!regexp.MustCompile(`[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{2}`).MatchString(body) || strings.Contains(body, "row 7") {
		t.Errorf("got %d %s", code, body)
	}
	kind = "unheard_of"
	if _, body = get(); !strings.Contains(body, "Something went wrong on our side") {
		t.Errorf("an unknown kind: %s", body)
	}
}

func TestStaticFiles(t *testing.T) {
	issuer, _ := url.Parse("https://id.example/tenant")
	p := newPages(t, Options{Prefix: "/tenant", Brand: "Acme ID", Color: "#ffcc00", Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)})
	mux := web.NewMux(web.Options{Issuer: issuer})
	p.Mount(mux)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.Handler().ServeHTTP(w, httptest.NewRequest("GET", "https://id.example"+path, nil))
		return w
	}
	page := render(t, p, Forgot{}, "/x", "en").Body.String()
	links := regexp.MustCompile(`(?:href|src)="(/tenant/static/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 4 || !strings.Contains(page, "Acme ID") || !strings.Contains(page, "logo.svg") {
		t.Fatalf("links: %v", links)
	}
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	for _, l := range links {
		w := get(l[1])
		if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			w.Header().Get("Content-Type") != types[filepath.Ext(l[1])] || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %d %v", l[1], w.Code, w.Header())
		}
	}
	css := get(p.assets.url("signet.css")).Body.String()
	if !strings.HasSuffix(strings.TrimSpace(css), "[dir=rtl] .brand img{object-position:100% 50%}") ||
		!strings.Contains(css, ":root{--brand:#ffcc00}") || !strings.Contains(css, "url(rosette.svg)") {
		t.Errorf("style sheet ends %s", css[len(css)-200:])
	}
	if w := get("/tenant/static/000000000000/signet.css"); w.Code != 200 || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("an older page's style sheet: got %d %v", w.Code, w.Header())
	}
	if w := get(p.assets.url("nothing.css")); w.Code != 404 {
		t.Errorf("no such file: got %d", w.Code)
	}
	for _, o := range []Options{{Color: "red"}, {Color: "#12345"}, {Color: "#123456;}*{x:y"}, {Logo: []byte("GIF89a")}} {
		if _, err := New(o); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
	if other := newPages(t, Options{Color: "#ffcc01"}); other.assets.hash == p.assets.hash {
		t.Error("another colour, the same hash")
	}
}

func BenchmarkRender(b *testing.B) {
	p := newPages(b, Options{})
	r := httptest.NewRequest("GET", "/consent?i=1", nil)
	page := samples()["consent"]
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Render(httptest.NewRecorder(), r, 200, page); err != nil {
			b.Fatal(err)
		}
	}
}
