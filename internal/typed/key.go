package typed

import "strings"

// longestKey is how many bytes a Key has at most.
const longestKey = 64

// Key reports whether a text is one that people and programs both write as a name: ASCII letters, digits, _ and -.
func Key(s string) bool {
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	return s != "" && len(s) <= longestKey && !strings.ContainsFunc(s, odd)
}
