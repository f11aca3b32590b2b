package typed

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/secure/precis"
)

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
	blackFlag = '\U0001f3f4'
	tagEnd    = '\U000e007f'
)

// Hidden reports whether a text holds a character that shows nothing or changes how others are shown: controls, bidi overrides, private
// use, blank characters, marks heaped over what is around. Joiners are none where a script needs them (RFC 5892 appendices A.1 and
// A.2), nor is what an emoji is put together of.
func Hidden(s string) bool {
	text, heap := []rune(s), 0
	for i := 0; i < len(text); i++ {
		r := text[i]
		if heap++; !unicode.Is(unicode.M, r) {
			heap = 0
		}
		switch {
		case heap > mostMarks || blank(r) || unicode.Is(unicode.Variation_Selector, r) && !selects(text, i):
			return true
		case r == nonJoiner || r == joiner:
			if !(r == joiner && joinsEmoji(text, i)) && !(r == nonJoiner && inCursive(text, i)) && !inContext(text, i) {
				return true
			}
		case r == blackFlag:
			i += tags(text[i+1:])
		case hidden(r):
			return true
		}
	}
	return false
}

// mostMarks stand over or under one character in what people write; of more the upper ones cover the lines around.
const mostMarks = 8

// blank reports whether what counts as text is drawn as nothing (Unicode Standard, property Default_Ignorable_Code_Point): Hangul's
// fillers, Khmer's inherent vowels, the grapheme joiner, the empty Braille cell, the note without a head.
func blank(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800' || r == '\U0001d159'
}

// selects reports whether the variation selector at i is behind a character that has variants (Unicode Standard, section 23.4): emoji and
// keycaps, Mongolian, Han (of Japanese names), signs of mathematics, Myanmar and Phags-pa.
func selects(text []rune, i int) bool {
	if i == 0 {
		return false
	}
	switch before, r := text[i-1], text[i]; {
	case r == '\ufe0e' || r == '\ufe0f':
		return unicode.Is(pictographic, before) || strings.ContainsRune("0123456789#*", before)
	case r < '\ufe00':
		return unicode.Is(unicode.Mongolian, before) && !unicode.Is(unicode.Variation_Selector, before)
	default:
		return unicode.In(before, unicode.Han, unicode.Sm, unicode.Myanmar, unicode.Phags_Pa)
	}
}

// inCursive reports whether the non-joiner at i is between characters of one script that joins them. RFC 5892 A.1 wants one before it that
// joins to both sides; people type it after the others, too (Persian, after reh or dal), where it changes nothing.
func inCursive(text []rune, i int) bool {
	before, after := i-1, i+1
	for before >= 0 && unicode.Is(unicode.M, text[before]) {
		before--
	}
	for after < len(text) && unicode.Is(unicode.M, text[after]) {
		after++
	}
	return before >= 0 && after < len(text) && unicode.IsLetter(text[before]) && unicode.IsLetter(text[after]) &&
		slices.ContainsFunc(cursive, func(script *unicode.RangeTable) bool {
			return unicode.Is(script, text[before]) && unicode.Is(script, text[after])
		})
}

var cursive = []*unicode.RangeTable{unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Adlam,
	unicode.Hanifi_Rohingya}

func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// inContext applies the rules for joiners to the word around the i-th character.
func inContext(text []rune, i int) bool {
	inWord := func(r rune) bool {
		return r == nonJoiner || r == joiner || unicode.In(r, unicode.L, unicode.M, unicode.N)
	}
	from, to := i, i+1
	for from > 0 && inWord(text[from-1]) {
		from--
	}
	for to < len(text) && inWord(text[to]) {
		to++
	}
	_, err := freeform.String(string(text[from:to]))
	return err == nil
}

// freeform is the FreeformClass of RFC 8264, which holds the rules of RFC 5892.
var freeform = precis.NewFreeform()

// joinsEmoji reports whether the joiner at i is between two emoji (Unicode Technical Standard 51, emoji ZWJ sequences).
func joinsEmoji(text []rune, i int) bool {
	if i+1 >= len(text) || !unicode.Is(pictographic, text[i+1]) {
		return false
	}
	for i--; i > 0 && modifies(text[i]); i-- {
	}
	return i >= 0 && unicode.Is(pictographic, text[i])
}

// modifies: variation selectors, skin tones and the keycap.
func modifies(r rune) bool {
	return r == '\ufe0e' || r == '\ufe0f' || r == '\u20e3' || '\U0001f3fb' <= r && r <= '\U0001f3ff'
}

// tags is how many characters name the region of a flag (Unicode Technical Standard 51, emoji tag sequences); 0 if they are no such name.
func tags(text []rune) int {
	const most = 8 // with the end
	n := slices.Index(text[:min(len(text), most)], tagEnd)
	if n < 1 {
		return 0
	}
	for _, r := range text[:n] {
		if r < '\U000e0030' || r > '\U000e007a' {
			return 0
		}
	}
	return n + 1
}

// pictographic is the property Extended_Pictographic (Unicode 16, emoji-data.txt).
var pictographic = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00a9, 0x00a9, 1}, {0x00ae, 0x00ae, 1}, {0x203c, 0x203c, 1}, {0x2049, 0x2049, 1}, {0x2122, 0x2122, 1}, {0x2139, 0x2139, 1},
		{0x2194, 0x2199, 1}, {0x21a9, 0x21aa, 1}, {0x231a, 0x231b, 1}, {0x2328, 0x2328, 1}, {0x2388, 0x2388, 1}, {0x23cf, 0x23cf, 1},
		{0x23e9, 0x23f3, 1}, {0x23f8, 0x23fa, 1}, {0x24c2, 0x24c2, 1}, {0x25aa, 0x25ab, 1}, {0x25b6, 0x25b6, 1}, {0x25c0, 0x25c0, 1},
		{0x25fb, 0x25fe, 1}, {0x2600, 0x2605, 1}, {0x2607, 0x2612, 1}, {0x2614, 0x2685, 1}, {0x2690, 0x2705, 1}, {0x2708, 0x2712, 1},
		{0x2714, 0x2714, 1}, {0x2716, 0x2716, 1}, {0x271d, 0x271d, 1}, {0x2721, 0x2721, 1}, {0x2728, 0x2728, 1}, {0x2733, 0x2734, 1},
		{0x2744, 0x2744, 1}, {0x2747, 0x2747, 1}, {0x274c, 0x274c, 1}, {0x274e, 0x274e, 1}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1},
		{0x2763, 0x2767, 1}, {0x2795, 0x2797, 1}, {0x27a1, 0x27a1, 1}, {0x27b0, 0x27b0, 1}, {0x27bf, 0x27bf, 1}, {0x2934, 0x2935, 1},
		{0x2b05, 0x2b07, 1}, {0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b50, 1}, {0x2b55, 0x2b55, 1}, {0x3030, 0x3030, 1}, {0x303d, 0x303d, 1},
		{0x3297, 0x3297, 1}, {0x3299, 0x3299, 1},
	},
	R32: []unicode.Range32{
		{0x1f000, 0x1f0ff, 1}, {0x1f10d, 0x1f10f, 1}, {0x1f12f, 0x1f12f, 1}, {0x1f16c, 0x1f171, 1}, {0x1f17e, 0x1f17f, 1}, {0x1f18e, 0x1f18e, 1},
		{0x1f191, 0x1f19a, 1}, {0x1f1ad, 0x1f1e5, 1}, {0x1f201, 0x1f20f, 1}, {0x1f21a, 0x1f21a, 1}, {0x1f22f, 0x1f22f, 1}, {0x1f232, 0x1f23a, 1},
		{0x1f23c, 0x1f23f, 1}, {0x1f249, 0x1f3fa, 1}, {0x1f400, 0x1f53d, 1}, {0x1f546, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f774, 0x1f77f, 1},
		{0x1f7d5, 0x1f7ff, 1}, {0x1f80c, 0x1f80f, 1}, {0x1f848, 0x1f84f, 1}, {0x1f85a, 0x1f85f, 1}, {0x1f888, 0x1f88f, 1}, {0x1f8ae, 0x1f8ff, 1},
		{0x1f90c, 0x1f93a, 1}, {0x1f93c, 0x1f945, 1}, {0x1f947, 0x1faff, 1}, {0x1fc00, 0x1fffd, 1},
	},
	LatinOffset: 2,
}
