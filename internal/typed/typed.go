// Package typed reads what people type: codes from a screen or a sheet of paper (Code), and names, which may hold nothing that cannot be
// seen (Hidden).
package typed

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// maxBytes of what is typed as a code are looked at.
const maxBytes = 256

// Code is a code as it was made: the digits of every script are 0 to 9, wide characters narrow, and blanks, dashes and invisible
// characters left out. Keyboards and copied text bring all of them.
func Code(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxBytes)], "")
	return strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9':
			return r
		case unicode.Is(unicode.Nd, r):
			return '0' + digit(r)
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd, unicode.Cf), r == '\u2212', r == '\u180e': // minus sign, Mongolian vowel separator
			return -1
		}
		return r
	}, width.Fold.String(s))
}

// digit is the value of a decimal digit. Those of a script are ten in a row (Unicode Standard section 4.6).
func digit(r rune) rune {
	for _, x := range unicode.Nd.R16 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return (r - rune(x.Lo)) % 10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return (r - rune(x.Lo)) % 10
		}
	}
	return 0
}
