package typed

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// alike are characters that most typefaces draw as one of the basic Latin ones, or nearly so, each after that one.
var alike = func() map[rune]rune {
	all := map[rune]rune{}
	for line := range strings.FieldsSeq(`aАаΑαɑ bВвΒЬ cСсϹϲ dԁ eЕеΕҽ fϜ gɡցԌ hНнһΗհ iІіΙιıӏӀɩlL1| jЈјϳ kКкΚκ mМмΜ nΝηոп oОоΟοօ0 pРрΡρ
		qԛզ rг sЅѕꜱ tТтΤτ uսυ vνѵ wԝѡ xХхΧχ yУуΥүγ zΖᴢ`) {
		text := []rune(line)
		for _, r := range text[1:] {
			all[r] = text[0]
		}
	}
	return all
}()

// Look is the same for texts that look the same, or nearly so, to who does not look closely: without accents, spaces and signs, in lower
// case, those of other alphabets as the Latin ones that they look like. It is for comparing, and reads badly.
func Look(s string) string {
	return strings.Map(func(r rune) rune {
		if like, ok := alike[r]; ok {
			return like
		}
		if r = unicode.ToLower(r); !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		if like, ok := alike[r]; ok {
			return like
		}
		return r
	}, norm.NFKD.String(s))
}

// Mixed reports whether a word has Latin characters and others that only look like such: it is written to be taken for another word. Greek
// and Cyrillic beside Latin in words of their own, and characters that look like none, are no such thing.
func Mixed(s string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }),
		func(word string) bool {
			latin, other := false, false
			for _, r := range word {
				_, like := alike[r]
				latin = latin || unicode.Is(unicode.Latin, r)
				other = other || like && !unicode.Is(unicode.Latin, r)
			}
			return latin && other
		})
}
