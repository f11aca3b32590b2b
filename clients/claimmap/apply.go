package claimmap

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Known is what there is of a person.
type Known struct {
	// Claim gives a standard claim that the app may have; nil = it is not known, or was not granted.
	Claim         func(name string) any
	Metadata      map[string]any
	Groups, Roles []string
}

// goes reports whether a rule is about a place.
func (r Rule) goes(place string) bool {
	if len(r.Into) == 0 {
		return place == IDToken || place == Userinfo
	}
	return slices.Contains(r.Into, place)
}

// Goes reports whether a map is about a place at all.
func Goes(rules []Rule, place string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.goes(place) })
}

// Reads says what has to be read for a map.
func Reads(rules []Rule) (metadata, groups, roles bool) {
	for _, r := range rules {
		metadata = metadata || strings.HasPrefix(r.From, fromMetadata)
		groups = groups || r.From == FromGroups
		roles = roles || r.From == FromRoles
	}
	return metadata, groups, roles
}

// Names are the claims that a map sets in a place.
func Names(rules []Rule, place string) (list []string) {
	for _, r := range rules {
		if r.goes(place) {
			list = append(list, r.Claim)
		}
	}
	return list
}

// All are the claims that a map sets anywhere.
func All(rules []Rule) (list []string) {
	for _, r := range rules {
		list = append(list, r.Claim)
	}
	return list
}

// Apply is what a map comes to in a place for the granted scopes. What is not known of the person is left out. Reserved claims are never
// among it, whatever a row of another release says.
func Apply(rules []Rule, place string, scopes []string, known Known) map[string]any {
	var out map[string]any
	for _, r := range rules {
		if !r.goes(place) || r.Scope != "" && !slices.Contains(scopes, r.Scope) || Reserved(r.Claim) {
			continue
		}
		if value := r.value(known); value != nil {
			if out == nil {
				out = make(map[string]any, len(rules))
			}
			out[r.Claim] = value
		}
	}
	return out
}

// value is the claim's; nil = it is left out.
func (r Rule) value(known Known) any {
	var found any
	switch {
	case r.From == FromGroups:
		found = known.Groups
	case r.From == FromRoles:
		found = known.Roles
	case strings.HasPrefix(r.From, fromMetadata):
		found = at(known.Metadata, strings.TrimPrefix(r.From, fromMetadata))
	case strings.HasPrefix(r.From, fromClaims) && known.Claim != nil:
		found = known.Claim(strings.TrimPrefix(r.From, fromClaims))
	}
	told := r.written(found)
	if told == nil && r.Value != "" {
		told = Rule{As: r.As}.written(r.Value)
	}
	return told
}

// at finds a member by its path.
func at(object map[string]any, path string) any {
	var found any = object
	for part := range strings.SplitSeq(path, ".") {
		object, _ := found.(map[string]any)
		found = object[part]
	}
	return found
}

// written puts a value into the form that is told.
func (r Rule) written(found any) any {
	switch v := found.(type) {
	case nil:
		return nil
	case []string:
		return r.list(v)
	case []any:
		return r.elements(v)
	case map[string]any, map[string]string: // an object is told as it is, or not at all
		if r.plain() && (r.As == "" || r.As == asList) {
			return wrapped(v, r.As == asList)
		}
		return nil
	}
	word, ok := found.(string)
	if !ok {
		word = wordOf(found)
	}
	if r.plain() && r.As == "" {
		return found
	}
	if word, ok = r.translated(word); !ok {
		return nil
	}
	return r.one(word)
}

func wrapped(v any, list bool) any {
	if list {
		return []any{v}
	}
	return v
}

// plain reports whether texts are told as they are.
func (r Rule) plain() bool { return r.Prefix == "" && len(r.Values) == 0 }

// translated is what is told for a text; false: it is left out.
func (r Rule) translated(word string) (string, bool) {
	word, ok := strings.CutPrefix(word, r.Prefix)
	if ok && len(r.Values) > 0 {
		word, ok = r.Values[word]
	}
	return word, ok
}

// one writes a single text.
func (r Rule) one(word string) any {
	switch r.As {
	case asNumber:
		if n := json.Number(word); number(n) {
			return n
		}
		return nil
	case asBool:
		if word == "true" || word == "false" {
			return word == "true"
		}
		return nil
	case asList:
		return []string{word}
	}
	return word
}

// number reports whether a text is one as JSON writes it, of a size that programs read.
func number(n json.Number) bool {
	_, err := strconv.ParseFloat(string(n), 64)
	raw, jsonErr := json.Marshal(n)
	return err == nil && jsonErr == nil && len(raw) <= 32
}

// list writes texts: as a list, joined, or whether there are any.
func (r Rule) list(words []string) any {
	kept := make([]string, 0, len(words))
	for _, word := range words {
		if word, ok := r.translated(word); ok && !slices.Contains(kept, word) {
			kept = append(kept, word)
		}
	}
	switch r.As {
	case asBool:
		return len(kept) > 0
	case asJoined:
		return strings.Join(kept, " ")
	case "", asList:
		return kept
	}
	if len(kept) != 1 { // a text or a number of several is none
		return nil
	}
	return r.one(kept[0])
}

// elements writes a list of metadata: of texts as list does, of anything else as it is.
func (r Rule) elements(all []any) any {
	words := make([]string, len(all))
	for i, one := range all {
		switch one.(type) {
		case string, json.Number, bool:
			words[i] = wordOf(one)
		default:
			if r.plain() && (r.As == "" || r.As == asList) {
				return all
			}
			return nil
		}
	}
	if r.plain() && (r.As == "" || r.As == asList) {
		return all
	}
	return r.list(words)
}

func wordOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// Same reports whether two maps say the same.
func Same(a, b []Rule) bool {
	return slices.EqualFunc(a, b, func(x, y Rule) bool {
		return x.Claim == y.Claim && x.From == y.From && x.Value == y.Value && x.As == y.As && x.Prefix == y.Prefix &&
			maps.Equal(x.Values, y.Values) && x.Scope == y.Scope && slices.Equal(x.Into, y.Into)
	})
}
