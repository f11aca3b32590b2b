package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// Text is one text in several languages, by their tags (RFC 5646). The one under "" is for all languages that have none of their own.
type Text map[string]string

// MarshalJSON writes a text that is the same in every language as a string.
func (t Text) MarshalJSON() ([]byte, error) {
	if one, ok := t[""]; ok && len(t) == 1 {
		return json.Marshal(one)
	}
	return json.Marshal(map[string]string(t))
}

// UnmarshalJSON reads a string, or an object of language tags and texts.
func (t *Text) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = nil
		if one != "" {
			*t = Text{"": one}
		}
		return nil
	}
	var several map[string]string
	if err := json.Unmarshal(data, &several); err != nil {
		return errors.New("must be a text, or texts by their language like {en: …, de: …}")
	}
	*t = several
	return nil
}

// ScopeDetails is what a resource says about one of its scopes: what people read on the consent page, and how they are asked.
type ScopeDetails struct {
	Title       Text `json:"title,omitempty"`       // what the app may do with it: "Read your orders"
	Description Text `json:"description,omitempty"` // a second line about it
	Required    bool `json:"required,omitempty"`    // no app of this API works without: it is granted with Allow, and is not a box
	Sensitive   bool `json:"sensitive,omitempty"`   // its box starts unticked, and the page says why
}

// Empty reports whether it says nothing.
func (d ScopeDetails) Empty() bool {
	return len(d.Title)+len(d.Description) == 0 && !d.Required && !d.Sensitive
}

const (
	maxTitle       = 80
	maxDescription = 300
	maxLanguages   = 40
)

// joiners shape letters in Persian, the Indian scripts and emoji (RFC 5892 appendices A.1 and A.2); nothing else invisible is taken.
var joiners = strings.NewReplacer("\u200c", "", "\u200d", "")

func (d ScopeDetails) validate(scope string) []error {
	errs := append(validText(scope, "title", d.Title, maxTitle), validText(scope, "description", d.Description, maxDescription)...)
	if d.Required && d.Sensitive {
		errs = append(errs, fmt.Errorf("scopes: %q is required and sensitive; what cannot be left out has no box that starts unticked", scope))
	}
	if len(d.Description) > 0 && len(d.Title) == 0 {
		errs = append(errs, fmt.Errorf("scopes: %q has a description and no title", scope))
	}
	return errs
}

func validText(scope, what string, t Text, limit int) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("scopes: %s of %q: %w", what, scope, fmt.Errorf(format, args...)))
	}
	if len(t) > maxLanguages {
		bad("has more than %d languages", maxLanguages)
		return errs
	}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		if _, err := language.Parse(tag); err != nil && tag != "" {
			bad("%q is not a language tag like en or pt-BR (RFC 5646)", tag)
		}
		if text := t[tag]; text == "" || utf8.RuneCountInString(text) > limit || !plainText(joiners.Replace(text)) {
			bad("use 1 to %d characters in one line, none of them invisible", limit)
		}
	}
	return errs
}
