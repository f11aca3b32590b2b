package archtest

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

// longestLine is in characters; a tab is one.
const longestLine = 140

// longLines are files with longer lines: why, and how many, which only falls.
var longLines = map[string]ceiling{
	"config/load_test.go":                               {1, "what config show prints is one line"},
	"users/importer/file_test.go":                       {1, "a record of an import file is one line"},
	"users/passkey/fuzz_test.go":                        {1, "an authenticator's answer"},
	"users/password/foreign/foreign_test.go":            {7, "hashes as other products keep them"},
	"examples/README.md":                                {3, "a command to copy"},
	"clients/snippet/texts/openid-client.tmpl":          {1, "a snippet to paste"},
	"clients/snippet/texts/passport-openidconnect.tmpl": {1, "a snippet to paste"},
	".ci/run": {1, "a checksum as sha512sum reads it"},
}

// TestNoLongLines: a line fits a screen. Texts for translation are one line each, as are rows of Markdown tables; pages as they were made
// (testdata) have the lines that they have. Where a page would get another blank by a new line, templates have {{/**/ -}} before it or
// {{- behind it.
func TestNoLongLines(t *testing.T) {
	seen := map[string]int{}
	texts(t, func(name, text string) {
		switch ext := path.Ext(name); {
		case strings.HasPrefix(name, "kit/ts/dist/"), strings.HasPrefix(name, "examples/mcp/ts/dist/"): // made of what is looked at
			return
		case ext == ".json", ext == ".svg", ext == ".html" && strings.Contains(name, "/testdata/"):
			return
		}
		n := 0
		for i, line := range strings.Split(text, "\n") {
			if utf8.RuneCountInString(line) <= longestLine || strings.HasPrefix(strings.TrimSpace(line), "|") {
				continue
			}
			if n++; longLines[name].most == 0 {
				t.Errorf("%s:%d has %d characters, at most %d", name, i+1, utf8.RuneCountInString(line), longestLine)
			}
		}
		if seen[name] = n; longLines[name].most > 0 {
			within(t, name, n, 0, longLines, "long lines")
		}
	})
	gone(t, longLines, func(name string) bool { return seen[name] > 0 })
}
