package password

import (
	"compress/gzip"
	_ "embed"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the longest password taken, in bytes of UTF-8; longer ones are refused, never cut.
const MaxBytes = 1024

// What may be wrong with a new password.
var (
	ErrTooShort  = errors.New("password too short")
	ErrTooLong   = errors.New("password longer than 1024 bytes")
	ErrCommon    = errors.New("password among those that are tried first")
	ErrPersonal  = errors.New("password made of names an attacker knows")
	ErrBreached  = errors.New("password known from a breach")
	ErrMalformed = errors.New("password is not valid text")
)

//go:embed common.txt.gz
var commonText string

// common holds the list's lines: of the 49,000 passwords that are tried first those of 8 code points and more, with a few of
// our own (docs/dependencies.md). The file is sorted, one password a line, folded.
// It is read for the first password that is checked: most commands check none. gzip takes half of it off the binary; zcat shows it.
var common = sync.OnceValue(func() []string {
	r, err := gzip.NewReader(strings.NewReader(commonText))
	if err != nil {
		panic(err) // it is of this build
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return strings.Fields(string(text))
})

func isCommon(folded string) bool {
	_, found := slices.BinarySearch(common(), folded)
	return found
}

// Check reports whether a new password is allowed to a person with the given names (address, user name, name). It returns
// the first rule broken (NIST SP 800-63B-4 section 3.1.1.2).
func (h *Hasher) Check(password string, names ...string) error {
	switch {
	case len(password) > MaxBytes:
		return ErrTooLong
	case !utf8.ValidString(password):
		return ErrMalformed
	}
	password = norm.NFC.String(password)
	if utf8.RuneCountInString(password) < h.minLength {
		return ErrTooShort
	}
	folded := fold(password)
	switch {
	case madeOf(folded, append(parts(names), h.own...)): // first: it says more than that many have the same name
		return ErrPersonal
	case isCommon(folded), isCommon(trim(folded)), repeats(folded):
		return ErrCommon
	}
	return nil
}

func fold(s string) string { return cases.Fold().String(norm.NFC.String(s)) }

// trim drops the digits and signs that people hang on to a word.
func trim(folded string) string {
	return strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
}

// longestUnit is the longest piece whose repetition counts as no password.
const longestUnit = 4

// repeats reports whether s is one short piece over and over, or runs of neighbours such as 123456789012.
func repeats(s string) bool {
	r := []rune(s)
	for unit := 1; unit <= longestUnit; unit++ {
		if len(r) > 2*unit && periodic(r, unit) {
			return true
		}
	}
	for _, step := range []rune{1, -1} {
		if walks(r, step) {
			return true
		}
	}
	return false
}

func periodic(r []rune, unit int) bool {
	for i := unit; i < len(r); i++ {
		if r[i] != r[i-unit] {
			return false
		}
	}
	return true
}

// walks reports whether each rune follows the one before (9 is followed by 0, z by a).
func walks(r []rune, step rune) bool {
	for i := 1; i < len(r); i++ {
		d := r[i] - r[i-1]
		wrapped := d == -9*step && unicode.IsDigit(r[i]) || d == -25*step && unicode.IsLetter(r[i])
		if d != step && !wrapped {
			return false
		}
	}
	return true
}

// shortestPart is the length from which a piece of a name counts.
const shortestPart = 3

// parts cuts names into the words in them, folded, longest first.
func parts(names []string) []string {
	var list []string
	for _, name := range names {
		folded := fold(name)
		list = append(list, folded)
		list = append(list, strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	list = slices.DeleteFunc(list, func(s string) bool { return utf8.RuneCountInString(s) < shortestPart })
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(list)
}

// enoughLetters is how many letters must be left of a password once the known names are taken out of it.
const enoughLetters = 4

// madeOf reports whether little but digits and signs is left of a password when the words are taken out.
func madeOf(folded string, words []string) bool {
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	left, found := folded, false
	for _, w := range words {
		if strings.Contains(left, w) {
			left, found = strings.ReplaceAll(left, w, " "), true
		}
	}
	if !found {
		return false
	}
	letters := 0
	for _, r := range left {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters < enoughLetters
}
