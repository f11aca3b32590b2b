package server_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"signet/internal/generatedtest"
	"signet/server/servertest"
	"signet/server/web/problem"
	"signet/templates"
)

// texts are those of a language.
func texts(t *testing.T, file string) map[string]any {
	t.Helper()
	raw, err := fs.ReadFile(templates.Files, file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// problemPage gets a page without a cookie, as a program or a stranger does.
func problemPage(t *testing.T, d *adminAPI, address, language string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", language)
	res, err := d.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// TestProblemsAreExplained: the type of each problem is the address of a page that says, in the language of the browser, what happened,
// what to do, and how such an answer looks. It needs no sign-in, asks the database nothing, and may be kept.
func TestProblemsAreExplained(t *testing.T) {
	t.Parallel()
	for name, issuer := range map[string]string{"host": "", "path": "/tenants/a"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts []servertest.Option
			if issuer != "" {
				opts = append(opts, servertest.Path(issuer))
			}
			d := newAdminAPI(t, opts...)
			d.token = ""
			if got := d.want(401, "GET /people", nil)["type"]; got != d.URL+"/problems/token_missing" {
				t.Errorf("the type is %q", got)
			}
			langs, err := fs.Glob(templates.Files, "lang/*.json")
			if err != nil || len(langs) < 8 {
				t.Fatal(langs, err)
			}
			for _, file := range langs {
				said, tag := texts(t, file), strings.TrimSuffix(filepath.Base(file), ".json")
				_, list := problemPage(t, d, d.URL+"/problems", tag)
				for _, k := range problem.All() {
					res, page := problemPage(t, d, k.Type(d.URL), tag)
					if res.StatusCode != http.StatusOK || res.Header.Get("Content-Language") != tag {
						t.Fatalf("%s: %d in %s", k.Type(d.URL), res.StatusCode, res.Header.Get("Content-Language"))
					}
					for _, part := range []string{"title", "what", "do"} {
						text, _ := said["problem."+k.Name()+"."+part].(string)
						if text == "" || part != "title" && !strings.Contains(page, text) {
							t.Errorf("%s: the page in %s has not %s: %q", k.Name(), tag, part, text)
						}
					}
					title, _ := said["problem."+k.Name()+".title"].(string)
					if tag == "en" && title != k.Title() {
						t.Errorf("%s is called %q and on its page %q", k.Name(), k.Title(), title)
					}
					if !strings.Contains(html.UnescapeString(page), `"type": "`+k.Type(d.URL)+`"`) {
						t.Errorf("%s: no example", k.Name())
					}
					if !strings.Contains(list, issuer+"/problems/"+k.Name()+`"`) {
						t.Errorf("%s is not in the list", k.Name())
					}
				}
			}
		})
	}
}

// TestPagesOfProblemsAskNothing: they are for everybody, at no cost, and strict about what a browser may load.
func TestPagesOfProblemsAskNothing(t *testing.T) {
	t.Parallel()
	log := &reads{}
	d := newAdminAPI(t, servertest.Log(slog.NewJSONHandler(log, nil)))
	for path, want := range map[string]int{"/problems": 200, "/problems/conflict": 200, "/problems/conflict?lang=de": 200,
		"/problems/none": 404, "/problems/Conflict": 404, "/problems/": 404, "/problems/conflict/": 404} {
		res, page := problemPage(t, d, d.URL+path, "en")
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		h := res.Header
		if kind := h.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
			t.Errorf("%s is %q", path, kind)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(page, "<script>") {
			t.Errorf("%s: policy %q", path, csp)
		}
		kept := h.Get("Cache-Control") == "public, max-age=3600" && strings.Contains(h.Get("Vary"), "Accept-Language")
		if may := want == http.StatusOK && !strings.Contains(path, "lang="); kept != may {
			t.Errorf("%s: Cache-Control %q, Vary %q", path, h.Get("Cache-Control"), h.Get("Vary"))
		}
		if set := h.Get("Set-Cookie"); set != "" && kept {
			t.Errorf("%s may be kept by caches and sets a cookie: %q", path, set)
		}
	}
	for _, pattern := range []string{"/problems", "/problems/{name}"} {
		if n := log.last(t, pattern); n != 0 {
			t.Errorf("%s asks the database %d times", pattern, n)
		}
	}
}

// TestProblemsAreDocumented makes docs/problems.md of the kinds and their English texts.
func TestProblemsAreDocumented(t *testing.T) {
	said := texts(t, "lang/en.json")
	plain := strings.NewReplacer("<code>", "`", "</code>", "`")
	text := func(k *problem.Kind, part string) string {
		s, _ := said["problem."+k.Name()+"."+part].(string)
		return generatedtest.Cell(plain.Replace(s))
	}
	var table strings.Builder
	table.WriteString("# Problems\n\nThe API of administrators answers errors as RFC 9457 has them. `type` is the address of a page that " +
		"explains the error, in the\nlanguage of the browser: `ISSUER/problems/NAME`. `ISSUER/problems` lists them all. Programs compare " +
		"what follows `/problems/`. `status` may\nbe another than the usual one here: an address where there is nothing is " +
		"`invalid_request` and 404.\n\n" +
		"Generated: `go test ./server -run ProblemsAreDocumented -update`.\n\n| name | status | what happened | what to do |\n" +
		"|---|---|---|---|\n")
	for _, k := range problem.All() {
		fmt.Fprintf(&table, "| `%s` | %d | %s. %s | %s |\n", k.Name(), k.Status(), text(k, "title"), text(k, "what"), text(k, "do"))
	}
	generatedtest.File(t, *update, filepath.Join("..", "docs", "problems.md"), table.String())
}
