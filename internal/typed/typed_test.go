package typed

import (
	"strings"
	"testing"
	"unicode"
)

func TestCodesInEveryScript(t *testing.T) {
	for name, typed := range map[string]string{
		"as it was made": "048213", "grouped": "048 213", "dash": "048-213", "full width": "０４８２１３", "Arabic-Indic": "٠٤٨٢١٣",
		"Persian":    "۰۴۸۲۱۳",
		"Devanagari": "०४८२१३", "Bengali": "০৪৮২১৩", "Thai": "๐๔๘๒๑๓", "mathematical": "𝟎𝟒𝟖𝟐𝟏𝟑", "no-break space": "048\u00a0213",
		"narrow no-break space": "048\u202f213",
		"tab":                   "\t048\t213", "line feed": "048213\r\n", "wide space": "048\u3000213", "en dash": "048–213",
		"minus": "048\u2212213", "no-break hyphen": "048\u2011213",
		"bidi marks": "\u2067048213\u2069\u200f", "zero width space": "048\u200b213", "byte order mark": "\ufeff048213",
		"soft hyphen": "048\u00ad213", "wide dash": "048－213",
		"mixed": "０4٨ 2۱๓",
	} {
		if got := Code(typed); got != "048213" {
			t.Errorf("%s: %q is read as %q", name, typed, got)
		}
	}
	if got := Code("ａｂｃ２ ＤＥＦ３"); got != "abc2DEF3" {
		t.Errorf("wide letters are read as %q", got)
	}
	if got := Code(strings.Repeat("٣", 1000) + "\xff"); len(got) > 128 {
		t.Errorf("%d bytes of a long one", len(got))
	}
}

func TestTheDigitsOfAScriptAreTenInARow(t *testing.T) { // what digit relies on
	for _, x := range unicode.Nd.R16 {
		if x.Stride != 1 || (x.Hi-x.Lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", x.Lo, x.Hi, x.Stride)
		}
	}
	for _, x := range unicode.Nd.R32 {
		if x.Stride != 1 || (x.Hi-x.Lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d", x.Lo, x.Hi, x.Stride)
		}
	}
}
