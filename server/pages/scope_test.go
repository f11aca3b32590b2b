package pages

import (
	"strings"
	"testing"
	"testing/fstest"

	"signet/clients"
)

// An outside text is said in the page's language where it can be, and else says which it is in.
func TestI01_ScopesInTheLanguageOfThePage(t *testing.T) {
	p := newPages(t, Options{Languages: fstest.MapFS{
		"de-AT.json": {Data: []byte(`{"language.name": "Österreichisch"}`)},
		"ar.json":    {Data: []byte(`{"language.name": "العربية", "language.dir": "rtl"}`)},
	}})
	read := map[string]string{"en": "Read", "de": "Lesen"}
	for name, tt := range map[string]struct {
		line   ScopeLine
		accept string
		want   string
	}{
		"its own":    {ScopeLine{Scope: "x:r", Owner: "X", Title: read}, "de", "<b><bdi>Lesen</bdi></b>"},
		"its parent": {ScopeLine{Scope: "x:r", Owner: "X", Title: read}, "de-AT", "<b><bdi>Lesen</bdi></b>"},
		"English": {ScopeLine{Scope: "x:r", Owner: "X", Title: map[string]string{"de": "Lesen", "en": "Read", "fr": "Lire"}}, "ar",
			`<b><bdi lang="en">Read</bdi></b>`},
		"for every other": {ScopeLine{Scope: "x:r", Owner: "X", Title: map[string]string{"": "All", "de": "Lesen", "en": "Read"}}, "ar",
			"<b><bdi>All</bdi></b>"},
		"any": {ScopeLine{Scope: "x:r", Owner: "X", Title: map[string]string{"fr": "Lire", "it": "Leggere"}}, "en",
			`<b><bdi lang="fr">Lire</bdi></b>`},
		"none":             {ScopeLine{Scope: "x:<r>", Owner: "X"}, "en", "<b><code>x:&lt;r&gt;</code></b>"},
		"like one of ours": {ScopeLine{Scope: "profile.more", Owner: "X"}, "en", "<b><code>profile.more</code></b>"},
		"gone since":       {ScopeLine{Scope: "profile.more"}, "en", "<b><code>profile.more</code></b>"},
		"ours":             {ScopeLine{Scope: "offline_access"}, "en", "<b>Stay signed in to this app</b>"},
		"ours, in German":  {ScopeLine{Scope: "offline_access"}, "de", "<b>Bei dieser App angemeldet bleiben</b>"},
	} {
		body := render(t, p, Consent{Choices: []ScopeLine{tt.line}}, "/consent", tt.accept).Body.String()
		if !strings.Contains(body, tt.want) {
			t.Errorf("%s: no %s in\n%s", name, tt.want, body)
		}
	}
}

// Every scope of Signet's own has words in every language that ships.
func TestI01_OwnScopesHaveWords(t *testing.T) {
	p := newPages(t, Options{})
	for _, scope := range clients.BuiltinScopes {
		for _, l := range p.texts.languages {
			if l.ownScope(ScopeLine{Scope: scope}, "") == "" || l.ownScope(ScopeLine{Scope: scope}, ".short") == "" {
				t.Errorf("%s has no words in %s", scope, l.tag)
			}
		}
	}
}
