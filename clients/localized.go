package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// translatable are the members that people read, or follow, and that may be there in several languages, as client_name#de (RFC 7591
// section 2.2, OpenID Connect Dynamic Registration section 2.1).
var translatable = []string{"client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"}

// mostLocalized bounds how many translations a client has.
const mostLocalized = 100

// aTag is what tags of languages look like (RFC 5646 section 2.1): a language, and what is narrower, in parts of at most eight characters.
var aTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,5}$`)

// localName takes the name of a translation apart; false: it is none.
func localName(name string) (member, tag string, ok bool) {
	member, tag, ok = strings.Cut(name, "#")
	return member, tag, ok && slices.Contains(translatable, member) && len(tag) <= 35 && aTag.MatchString(tag)
}

// TakeLocalized takes the translations of a document's members, in place of those that there are. What is no text, or names no language, is
// left out, as other members that nobody knows are (RFC 7591 section 2).
func (m *Metadata) TakeLocalized(document map[string]json.RawMessage) {
	var taken map[string]string
	for _, name := range slices.Sorted(maps.Keys(document)) {
		if _, _, ok := localName(name); !ok {
			continue
		}
		var text string
		if json.Unmarshal(document[name], &text) == nil && text != "" && len(taken) < mostLocalized {
			if taken == nil {
				taken = map[string]string{}
			}
			taken[name] = text
		}
	}
	m.Localized = taken
}

// validateLocalized judges translations as their members are judged.
func (m Metadata) validateLocalized() (errs []error) {
	if len(m.Localized) > mostLocalized {
		return []error{fmt.Errorf("localized: at most %d", mostLocalized)}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Localized)) {
		member, _, ok := localName(name)
		value := m.Localized[name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("localized: %q is no member in a language, like client_name#de; members are %s", name,
				strings.Join(translatable, ", ")))
		case member == "client_name" && (value == "" || utf8.RuneCountInString(value) > 80 || !plainText(value)):
			errs = append(errs, fmt.Errorf("localized: %s: use at most 80 characters, none of them invisible", name))
		case member != "client_name" && !httpsLink(value):
			errs = append(errs, fmt.Errorf("localized: %s: %s", name, wantsLink))
		}
	}
	return errs
}

// UnmarshalNamed reads a registration in the form of RFC 7591, in which translations are members of their own. Unknown members are refused.
func (m *Metadata) UnmarshalNamed(text []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	var named Metadata
	named.TakeLocalized(all)
	for name := range named.Localized {
		delete(all, name)
	}
	for name := range all {
		if strings.Contains(name, "#") {
			return fmt.Errorf("%s: is no member in a language, like client_name#de", name)
		}
	}
	rest, err := json.Marshal(all)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(rest)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return err
	}
	if len(named.Localized) == 0 {
		return nil
	}
	if all["localized"] != nil {
		return errors.New("localized: is there beside members in languages; leave one of them out")
	}
	m.Localized = named.Localized
	return nil
}
