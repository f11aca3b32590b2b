package pages

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"signet/templates"
)

// bare is a script without comments, and with empty strings and regular expressions.
var bare = regexp.MustCompile(
	`(?s)//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|([(,=:!&|?]\s*)/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*`)

// newer is what ECMAScript 5 does not know.
var newer = map[string]*regexp.Regexp{
	"arrow function":              regexp.MustCompile(`=>`),
	"template string":             regexp.MustCompile("`"),
	"optional chaining":           regexp.MustCompile(`\?\.[^0-9]`),
	"nullish coalescing":          regexp.MustCompile(`\?\?`),
	"exponent":                    regexp.MustCompile(`\*\*`),
	"spread or rest":              regexp.MustCompile(`\.\.\.`),
	"numeric separator":           regexp.MustCompile(`\b\d+_\d`),
	"binary, octal or big number": regexp.MustCompile(`\b0[bBoO]\d|\b\d+n\b`),
	"keyword":                     regexp.MustCompile(`(?:^|[^.\w$])(?:let|const|class|async|await|yield|import|export|super)\b\s*[^\s:,=)]`),
	"for … of":                    regexp.MustCompile(`\bfor\s*\([^)]*\sof\s`),
	"catch without a name":        regexp.MustCompile(`\bcatch\s*\{`),
	"default of a parameter":      regexp.MustCompile(`\bfunction\b[^(]*\([^)]*=`),
	"destructuring parameter":     regexp.MustCompile(`\bfunction\b[^(]*\([^)]*[{\[]`),
	"destructuring":               regexp.MustCompile(`\bvar\s*[{\[]`),
	"shorthand property":          regexp.MustCompile(`[({=:,]\s*\{\s*[A-Za-z_$][\w$]*\s*[,}]`),
	"computed property":           regexp.MustCompile(`[{,]\s*\[[^\]]*\]\s*:`),
	"method of an object":         regexp.MustCompile(`[{,]\s*(?:[A-Za-z_$][\w$]*)\([^()]*\)\s*\{`), // our functions and ifs have a space
	"comma at the end of a call":  regexp.MustCompile(`,\s*\)`),
	"logical assignment":          regexp.MustCompile(`(?:&&|\|\|)=`),
	"newer regular expression":    regexp.MustCompile(`\(\?<`),
}

func strip(script string) string {
	return bare.ReplaceAllStringFunc(script, func(m string) string {
		if strings.HasPrefix(m, "//") || strings.HasPrefix(m, "/*") {
			return " "
		}
		if i := strings.IndexByte(m, '/'); i >= 0 && m[0] != '"' && m[0] != '\'' {
			return m[:i] + `""`
		}
		return `""`
	})
}

// An engine that cannot read a file runs nothing of it: rule C2.
func TestScriptsAreECMAScript5(t *testing.T) {
	paths, err := fs.Glob(templates.Files, "static/*.js")
	if err != nil || len(paths) < 3 {
		t.Fatalf("scripts %v, %v", paths, err)
	}
	for _, path := range paths {
		raw, err := fs.ReadFile(templates.Files, path)
		if err != nil {
			t.Fatal(err)
		}
		script := strip(string(raw))
		for what, form := range newer {
			if found := form.FindString(script); found != "" {
				t.Errorf("%s: %s in %q", path, what, found)
			}
		}
	}
}

func TestTheCheckSeesNewerSyntax(t *testing.T) {
	for what, script := range map[string]string{
		"arrow function": "f(() => 1)", "template string": "x = `a`", "optional chaining": "a?.b", "nullish coalescing": "a ?? b",
		"exponent":       "a ** b",
		"spread or rest": "f(...a)", "numeric separator": "240_000", "keyword": "const a = 1;", "for … of": "for (var a of b) {}",
		"catch without a name": "try { } catch { }", "default of a parameter": "function f(a = 1) {}", "destructuring": "var { a } = b",
		"destructuring parameter": "function f({ a }) {}", "shorthand property": "f({ a, b: 1 })", "computed property": "x = { [a]: 1 }",
		"method of an object": "x = { f(a) { } }", "comma at the end of a call": "f(a, )", "logical assignment": "a ||= b",
		"newer regular expression":    "f(a(?<b>c))",
		"binary, octal or big number": "0b11",
	} {
		if !newer[what].MatchString(strip(script)) {
			t.Errorf("%s is not seen in %s", what, script)
		}
	}
	if got := strip(`a("=>"); // const b
x.replace(/[^/]=>/g, '=>')`); strings.Contains(got, "=>") || strings.Contains(got, "const") {
		t.Errorf("left over: %s", got)
	}
}

func TestB03_FormPostNeedsItsOwnScriptOnly(t *testing.T) { // OAuth 2.0 Form Post Response Mode
	p := newPages(t, Options{})
	got := render(t, p, FormPost{App: shop, Action: "https://shop.example/cb", Fields: [][2]string{{"code", "a"}}}, "/x", "en").Body.String()
	if !strings.Contains(got, "/form_post.js") {
		t.Error("no script sends the form")
	}
	raw, err := fs.ReadFile(templates.Files, "static/form_post.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, newer := range []string{"classList", "dataset", "fetch", "Promise", "forEach", "closest", "matches"} {
		if strings.Contains(string(raw), newer) {
			t.Errorf("form_post.js wants %s of the browser", newer)
		}
	}
}
