package pages

import (
	"html/template"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// scope is what a scope lets an app do: Signet's own in the words of the catalogue, a resource's in the resource's, else its name.
func (l *locale) scope(s ScopeLine) template.HTML {
	return orElse(l.texts(s.Title), orElse(l.ownScope(s, ""), "<code>"+escaped(s.Scope)+"</code>"))
}

// scopeMore is a second line about it.
func (l *locale) scopeMore(s ScopeLine, p Person) template.HTML {
	switch {
	case len(s.Description) > 0:
		return l.texts(s.Description)
	case s.Scope == "email" && p.Email != "":
		return bdi(p.Email)
	}
	return l.ownScope(s, ".more")
}

// scopeShort is a scope in a word or two, for a list of several.
func (l *locale) scopeShort(s ScopeLine) template.HTML {
	return orElse(l.ownScope(s, ".short"), l.scope(s))
}

// ownScope finds a text about one of Signet's own scopes: those have no dot in their names, and belong to no resource but one of Signet.
func (l *locale) ownScope(s ScopeLine, part string) template.HTML {
	if s.Owner != "" && !strings.HasPrefix(s.Scope, "signet:") || strings.Contains(s.Scope, ".") {
		return ""
	}
	return l.optional("scope." + s.Scope + part)
}

// texts picks an outside text in the page's language: the one in it, in its parent (de for de-AT), for every language, in English, or
// in any at all. One that is in another language than the page says so, for those who hear it.
func (l *locale) texts(t map[string]string) template.HTML {
	if len(t) == 0 {
		return ""
	}
	for tag := language.Make(l.tag); tag != language.Und; tag = tag.Parent() {
		for _, known := range slices.Sorted(maps.Keys(t)) {
			if known != "" && language.Make(known) == tag {
				return bdi(t[known])
			}
		}
	}
	if text := t[""]; text != "" {
		return bdi(text)
	}
	tags := slices.Sorted(maps.Keys(t))
	if i := slices.IndexFunc(tags, func(tag string) bool { return language.Make(tag) == language.English }); i >= 0 {
		tags = tags[i:]
	}
	return template.HTML(`<bdi lang="` + template.HTMLEscapeString(tags[0]) + `">` + template.HTMLEscapeString(t[tags[0]]) + `</bdi>`)
}
