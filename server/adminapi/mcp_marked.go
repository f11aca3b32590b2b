package adminapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// strangersText is the name under which a tool's answer has what somebody outside wrote.
const strangersText = "text_of_strangers"

// words are the members of answers whose text is a word of this server's own, or an id that it made, where it looks like one. The text of
// every other member counts as written by strangers: what a release adds and nobody looked at is on the safe side.
var words = strings.Fields(`id sub user_id client_id actor_id session_id grant_id request_id reference event outcome actor_kind code
	act target_id
	at auth_time seen_at expires_at created_at updated_at erase_at last_used_at next
	application_type token_endpoint_auth_method subject_type roles amr grant_types response_types permissions`)

// sentences are those whose text is always this server's own.
var sentences = strings.Fields("remedy check status confirm_at what_now")

// word is what a word of our own looks like. The address that is the id of a client is none: whoever has the host chose it.
var word = regexp.MustCompile(`^[A-Za-z0-9_.:+-]{0,64}$`)

// marked writes an answer as JSON in which text of strangers is marked, shortened, and without characters that nobody sees.
func marked(answer any) (string, error) {
	raw, err := json.Marshal(answer)
	if err != nil {
		return "", fmt.Errorf("write a tool's answer: %w", err)
	}
	var all any
	if err := json.Unmarshal(raw, &all); err != nil {
		return "", fmt.Errorf("write a tool's answer: %w", err)
	}
	out, err := json.Marshal(mark("", all))
	return string(out), err
}

// mostItems is how many items of a list or members of an object an answer has.
const mostItems = 50

func mark(member string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if member == "detail" || member == "claims" || member == "metadata" || namedByStrangers(v) { // their members are not ours to say
			return byStrangers(v)
		}
		within := map[string]any{}
		for name, one := range v {
			within[name] = mark(name, one)
		}
		return within
	case []any:
		return list(v, func(one any) any { return mark(member, one) })
	case string:
		if slices.Contains(sentences, member) || slices.Contains(words, member) && word.MatchString(v) {
			return v
		}
		return map[string]any{strangersText: visible(v)}
	}
	return value
}

// ours is what the names of members look like that this server gives.
var ours = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// namedByStrangers reports whether an object has members that this server does not name, like the languages of an app's names. The names of
// numbers are those of our metrics.
func namedByStrangers(v map[string]any) bool {
	for name, one := range v {
		if _, number := one.(float64); !number && !ours.MatchString(name) {
			return true
		}
	}
	return false
}

// byStrangers marks what is of strangers at any depth, whatever its members are called. Names that are more than a word are marked, too.
func byStrangers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		within, odd := map[string]any{}, []any{}
		names := slices.Sorted(maps.Keys(v))
		for _, name := range names[:min(len(names), mostItems)] {
			switch {
			case name != strangersText && short.MatchString(name):
				within[name] = byStrangers(v[name])
			default:
				odd = append(odd, map[string]any{"name": byStrangers(name), "value": byStrangers(v[name])})
			}
		}
		if len(odd) > 0 {
			within["others"] = odd
		}
		if len(names) > mostItems {
			within[leftOut] = len(names) - mostItems
		}
		return within
	case []any:
		return list(v, byStrangers)
	case string:
		return map[string]any{strangersText: visible(v)}
	}
	return value
}

// leftOut tells how much is not shown.
const leftOut = "left_out"

// short is what the name of a member looks like that is shown without a mark: too little for an order.
var short = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)

func list(all []any, one func(any) any) []any {
	shown := make([]any, 0, min(len(all), mostItems+1))
	for i, v := range all {
		if i == mostItems {
			return append(shown, map[string]any{leftOut: len(all) - mostItems})
		}
		shown = append(shown, one(v))
	}
	return shown
}

// mostText is how many characters of a stranger's text an answer has.
const mostText = 300

// visible shows text without what is not seen, like the marks that turn a line around, or characters that only a model reads.
func visible(text string) string {
	var b strings.Builder
	n := 0
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		if n++; n > mostText {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(c) || unicode.In(c, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || c == '\u2800' {
			c = '\uFFFD'
		}
		b.WriteRune(c)
	}
	return b.String()
}
