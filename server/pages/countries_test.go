package pages

import (
	"slices"
	"strings"
	"testing"
)

func TestCountriesInEveryLanguage(t *testing.T) {
	p := newPages(t, Options{})
	for i := range p.texts.languages {
		l := &p.texts.languages[i]
		list := l.countries("")
		if len(list) < 240 || l.tag != "en" && slices.Equal(list, countriesByLanguage()["en"]) {
			t.Errorf("%s: %d countries", l.tag, len(list))
		}
		for _, name := range list {
			if strings.TrimSpace(name) != name || name == "" {
				t.Errorf("%s: %q", l.tag, name)
			}
		}
	}
	body := render(t, p, Profile{Person: ada, Values: map[string]string{"country": "Wonderland <b>"}}, "/x", "en").Body.String()
	if !strings.Contains(body, "<option selected>Wonderland &lt;b&gt;</option>") || !strings.Contains(body, "<option>Zambia</option>") {
		t.Error("a country that was given in another way does not stay")
	}
	if body := render(t, p, Profile{Person: ada, Values: map[string]string{"country": "Österreich"}}, "/x", "de").Body.String(); strings.Count(
		body, "Österreich") != 1 || !strings.Contains(body, "<option selected>Österreich</option>") {
		t.Error("the country is not the chosen one")
	}
}
