package typed

import (
	"strings"
	"testing"
)

func TestJoinersAndEmojiWhereTheyBelong(t *testing.T) { // RFC 5892 appendices A.1, A.2; RFC 8264
	for name, text := range map[string]string{
		"plain": "Ada Lovelace", "Persian": "علی\u200cرضا", "Persian, two words": "می\u200cخواهم زاده", "Hindi half form": "क्\u200dष",
		"Persian, after a letter that joins to the right": "مهر\u200cانگیز", "and with a vowel sign": "مهرِ\u200cانگیز",
		"Syriac": "ܕ\u200cܝ", "Hindi explicit virama": "क्\u200cष",
		"Sinhala": "ශ්\u200dරී ලංකා", "Malayalam": "ന്\u200d", "Kannada": "ರ್\u200cಕ", "Urdu": "علی",
		"family": "Ada 👩\u200d👩\u200d👧", "astronaut": "👩🏽\u200d🚀", "heart": "❤\ufe0f",
		"on fire": "❤\ufe0f\u200d🔥", "pilot": "👨\u200d✈\ufe0f", "rainbow": "🏳\ufe0f\u200d🌈", "pirate": "🏴\u200d☠\ufe0f",
		"England": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"flag":    "🇩🇪", "keycap": "1\ufe0f⃣", "woman shrugging": "🤷🏿\u200d♀\ufe0f", "Hangul": "한글", "combining": "Ngo\u0302\u0303",
		"a Japanese name's own form": "葛\U000e0100城", "Mongolian": "ᠠ\u180bᠨ", "a sign of mathematics": "∩\ufe00", "sun": "☀\ufe0e",
		"Hebrew, with points and accents": "בְּ֭רֵאשִׁ֖ית", "Tibetan": "ཧྐྵྨླྺྼྻྂ", "Braille": "⠁⠙⠁",
		"emoji, then a name": "👩\u200d🚀 علی\u200cرضا",
	} {
		if Hidden(text) {
			t.Errorf("%s: %+q is refused", name, text)
		}
	}
	for name, text := range map[string]string{
		"bidi override": "Ada \u202egnp.exe", "bidi isolate": "\u2066Ada\u2069", "left-to-right mark": "Ada\u200e", "control": "Ada\x07",
		"line feed": "Ada\nEve", "line separator": "Ada\u2028Eve",
		"zero width space": "Ada\u200bEve", "byte order mark": "\ufeffAda", "soft hyphen": "A\u00adda", "private use": "Ada\ue000",
		"word joiner": "Ada\u2060", "joiner in Latin": "Ada\u200dEve",
		"non-joiner in Latin": "Ada\u200cEve", "joiner at the start": "\u200dAda", "joiner at the end": "Ada\u200d", "joiner alone": "\u200d",
		"non-joiner after a blank": "Ada \u200c", "non-joiner between two scripts": "Aر\u200cb", "non-joiner at the end": "مهر\u200c",
		"two non-joiners": "مهر\u200c\u200cانگیز", "non-joiner after a mark": "Ada ِ\u200cا",
		"emoji and a letter": "👩\u200dA", "a letter and an emoji": "A\u200d👩", "joiner after an emoji": "👩\u200d",
		"two joiners": "👩\u200d\u200d👩", "tags alone": "Ada\U000e0041\U000e007f",
		"tags after a letter": "A\U000e0067\U000e007f", "unended tags": "🏴\U000e0067\U000e0062",
		"a long hidden text": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e0067\U000e0067\U000e0067\U000e0067\U000e0067\U000e007f",
		"annotation":         "A\ufff9b",
		"Hangul filler":      "\u3164", "a filler within": "A\u3164b", "narrow filler": "A\uffa0", "leading filler": "\u115f",
		"vowel filler":    "가\u1160",
		"grapheme joiner": "A\u034fb", "Khmer vowel": "\u17b4", "empty Braille cell": "A\u2800", "note without a head": "\U0001d159",
		"selector in Latin": "A\ufe0fb", "selector alone": "\ufe0f", "two selectors": "☀\ufe0f\ufe0f", "Han selector in Latin": "A\U000e0100",
		"two Mongolian ones": "ᠠ\u180b\u180b", "marks heaped": "A" + strings.Repeat("\u0301", 9),
		"other marks heaped": strings.Repeat("\u0334\u0301", 20),
	} {
		if !Hidden(text) {
			t.Errorf("%s: %+q is taken", name, text)
		}
	}
}
