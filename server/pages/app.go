package pages

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// App is how a page shows a client: name, host of the redirect URI, logo only if vouched for by the operator.
type App struct {
	ID, Name, Host, LogoURI, PolicyURI, TOSURI, URI string
	OpenURL                                         string // where a sign-in to it begins; "" = not told
	// Localized is what of it is there in other languages, like client_name#de; pictures by addresses of ours, as LogoURI is.
	Localized map[string]string
}

// In is the app in a language: in the language itself, or in another of the same base, like de for de-AT.
func (a App) In(tag string) App {
	in := func(member, plain string) string { return cmp.Or(inTag(a.Localized, member, tag), plain) }
	a.Name, a.URI, a.LogoURI = in("client_name", a.Name), in("client_uri", a.URI), in("logo_uri", a.LogoURI)
	a.PolicyURI, a.TOSURI = in("policy_uri", a.PolicyURI), in("tos_uri", a.TOSURI)
	return a
}

// Call puts what the app is called among the words of a text, in all its languages: the text takes its own.
func (a App) Call(words map[string]string, as string) {
	words[as] = a.Name
	for name, value := range a.Localized {
		if tag, ok := strings.CutPrefix(name, "client_name#"); ok {
			words[as+"#"+tag] = value
		}
	}
}

// inWords are the words of a text in a language.
func inWords(words map[string]string, tag string) map[string]string {
	taken := make(map[string]string, len(words))
	for name, value := range words {
		if !strings.Contains(name, "#") {
			taken[name] = cmp.Or(inTag(words, name, tag), value)
		}
	}
	return taken
}

// inTag is what a member is in a language; "" = there is nothing.
func inTag(localized map[string]string, member, tag string) (best string) {
	if len(localized) == 0 {
		return ""
	}
	base, _, _ := strings.Cut(tag, "-")
	for _, name := range slices.Sorted(maps.Keys(localized)) {
		named, of, ok := strings.Cut(name, "#")
		first, _, _ := strings.Cut(of, "-")
		switch {
		case !ok || named != member || !strings.EqualFold(first, base):
		case strings.EqualFold(of, tag):
			return localized[name]
		case best == "" || strings.EqualFold(of, base):
			best = localized[name]
		}
	}
	return best
}

// inLanguage is the page with its apps, wherever it has them, in a language. The page itself is left as it is.
func inLanguage(page Page, tag string) Page {
	v, changed := withApps(reflect.ValueOf(page), tag)
	if !changed {
		return page
	}
	localized, _ := v.Interface().(Page)
	return localized
}

var (
	appType = reflect.TypeFor[App]()
	appIn   sync.Map // reflect.Type: whether a value of it may hold an app
)

// mayHold reports whether a type has a place for an app.
func mayHold(t reflect.Type) (holds bool) {
	if known, ok := appIn.Load(t); ok {
		return known.(bool)
	}
	switch {
	case t == appType:
		return true
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
		holds = mayHold(t.Elem())
	case t.Kind() == reflect.Struct:
		for field := range t.Fields() {
			holds = holds || field.IsExported() && mayHold(field.Type)
		}
	}
	appIn.Store(t, holds)
	return holds
}

// withApps is a value with its apps in a language, a copy if there was anything to change.
func withApps(v reflect.Value, tag string) (shown reflect.Value, changed bool) {
	if !v.IsValid() || !mayHold(v.Type()) {
		return v, false
	}
	if app, ok := v.Interface().(App); ok {
		if len(app.Localized) == 0 {
			return v, false
		}
		return reflect.ValueOf(app.In(tag)), true
	}
	shown = v
	switch v.Kind() {
	case reflect.Pointer:
		if in, ok := withApps(v.Elem(), tag); ok {
			shown = reflect.New(v.Type().Elem())
			shown.Elem().Set(in)
			return shown, true
		}
	case reflect.Slice:
		for i := range v.Len() {
			if in, ok := withApps(v.Index(i), tag); ok {
				if !changed {
					shown, changed = reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v), true
				}
				shown.Index(i).Set(in)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if in, ok := withApps(v.Field(i), tag); ok {
				if !changed {
					shown, changed = reflect.New(v.Type()).Elem(), true
					shown.Set(v)
				}
				shown.Field(i).Set(in)
			}
		}
	}
	return shown, changed
}
