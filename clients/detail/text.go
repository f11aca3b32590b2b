package detail

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"signet/internal/typed"
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

const maxLanguages = 40

// joiners shape letters in Persian, the Indian scripts and emoji (RFC 5892 appendices A.1 and A.2); nothing else invisible is taken.
var joiners = strings.NewReplacer("\u200c", "", "\u200d", "")

func hidden(text string) bool {
	text = joiners.Replace(text)
	return !utf8.ValidString(text) || typed.Hidden(text)
}

// Line reports whether a text is one line in each of its languages, and no longer than the limit.
func (t Text) Line(limit int) error {
	if len(t) > maxLanguages {
		return fmt.Errorf("has more than %d languages", maxLanguages)
	}
	var errs []error
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		if _, err := language.Parse(tag); err != nil && tag != "" {
			errs = append(errs, fmt.Errorf("%q is not a language tag like en or pt-BR (RFC 5646)", tag))
		}
		if text := t[tag]; text == "" || utf8.RuneCountInString(text) > limit || hidden(text) {
			errs = append(errs, fmt.Errorf("use 1 to %d characters in one line, none of them invisible", limit))
		}
	}
	return errors.Join(errs...)
}
