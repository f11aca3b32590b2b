package identifier_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"signet/users/identifier"
)

func TestD08_EmailKeys(t *testing.T) { // RFC 5321 §4.5.3, RFC 8265
	tests := map[string]string{ // "" = refused
		"ada@example.org":                         "ada@example.org",
		"Ada.Lovelace@Example.ORG":                "ada.lovelace@example.org",
		"ada+shop@example.org":                    "ada+shop@example.org",
		"o'brien@example.org":                     "o'brien@example.org",
		"jürgen@müller.example":                   "jürgen@xn--mller-kva.example",
		"JU\u0308RGEN@xn--mller-kva.example":      "jürgen@xn--mller-kva.example",
		"Άννα@παράδειγμα.example":                 "άννα@xn--hxajbheg2az3al.example",
		"root@localhost":                          "root@localhost",
		"":                                        "",
		"ada":                                     "",
		"@example.org":                            "",
		"ada@":                                    "",
		"ada@example":                             "",
		"ada@@example.org":                        "",
		"a@b@example.org":                         "",
		".ada@example.org":                        "",
		"ada.@example.org":                        "",
		"a..da@example.org":                       "",
		"ada @example.org":                        "",
		"ada@exa mple.org":                        "",
		"ada@example..org":                        "",
		"ada@-example.org":                        "",
		"ada@[127.0.0.1]":                         "",
		"ada@127.0.0.1":                           "",
		"\"ada\"@example.org":                     "",
		"ada\\@example.org":                       "",
		"ada(x)@example.org":                      "",
		"<ada@example.org>":                       "",
		"ada@example.org\r\nBcc: x@y.example":     "",
		"ada\x00@example.org":                     "",
		"ada\u200b@example.org":                   "", // zero width space
		"\u202eada@example.org":                   "", // right-to-left override
		"ａda@example.org":                         "", // full width: NFKC differs
		"ﬁ@example.org":                           "", // ligature
		"ada@example.org\u00ad":                   "",
		"\xff@example.org":                        "",
		strings.Repeat("a", 64) + "@example.org":  strings.Repeat("a", 64) + "@example.org",
		strings.Repeat("a", 65) + "@example.org":  "",
		"ada@" + strings.Repeat("a", 64) + ".org": "",
		"ada@" + strings.Repeat(strings.Repeat("a", 60)+".", 5) + "org":                        "",
		strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "org": "",
	}
	for typed, want := range tests {
		got, err := identifier.EmailKey(typed)
		if want == "" && err == nil {
			t.Errorf("%+q was taken as %q", typed, got)
		}
		if want != "" && (err != nil || got != want) {
			t.Errorf("%+q: got %q, %v; want %q", typed, got, err, want)
		}
	}
}

func TestD08_EmailDomain(t *testing.T) { // RFC 5321 section 4.1.2
	for address, want := range map[string]string{
		"ada@example.org": "example.org", "Ada@Example.ORG": "example.org", `"a@b"@example.org`: "example.org", "a@b@example.org": "example.org",
		"ada@MÜLLER.example": "müller.example", "": "", "ada": "", "@": "", "@example.org": "", "ada@": "", "example.org": "",
	} {
		if got := identifier.EmailDomain(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func FuzzEmailKey(f *testing.F) {
	for _, s := range []string{"ada@example.org", "JU\u0308RGEN@müller.example", "a@b@c.d", "\u202eada@example.org", "İ@example.org",
		"ẞ@faß.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		key, err := identifier.EmailKey(typed)
		if err != nil {
			if key != "" {
				t.Errorf("%+q: refused with key %+q", typed, key)
			}
			return
		}
		if len(key) > 254 || !utf8.ValidString(key) || strings.Count(key, "@") != 1 {
			t.Errorf("%+q: key %+q", typed, key)
		}
		if strings.ContainsFunc(key, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf) || r == '"'
		}) {
			t.Errorf("%+q: key %+q holds what may not be seen", typed, key)
		}
		again, err := identifier.EmailKey(key)
		if err != nil || again != key {
			t.Errorf("%+q: key %+q has the key %+q, %v", typed, key, again, err)
		}
	})
}

func TestUsernameKeys(t *testing.T) { // RFC 8265 §3.3
	tests := map[string]string{
		"ada":                   "ada",
		"Ada.Lovelace-1815_x":   "ada.lovelace-1815_x",
		"JU\u0308RGEN":          "jürgen",
		"Άννα":                  "άννα",
		"ad":                    "",
		"1ada":                  "",
		"-ada":                  "",
		"ada@example.org":       "",
		"ada lovelace":          "",
		"ada\u200dx":            "",
		"ada/../x":              "",
		"ﬁnn":                   "",
		"":                      "",
		strings.Repeat("a", 64): strings.Repeat("a", 64),
		strings.Repeat("a", 65): "",
		"\xffada":               "",
	}
	for typed, want := range tests {
		got, err := identifier.UsernameKey(typed)
		if want == "" && err == nil || want != "" && (err != nil || got != want) {
			t.Errorf("%+q: got %q, %v; want %q", typed, got, err, want)
		}
	}
}

func FuzzUsernameKey(f *testing.F) {
	for _, s := range []string{"ada", "Άννα", "İstanbul", "aǰb", "ｆull"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		key, err := identifier.UsernameKey(typed)
		if err != nil {
			return
		}
		if strings.Contains(key, "@") {
			t.Errorf("%+q could be an address", key)
		}
		if again, err := identifier.UsernameKey(key); err != nil || again != key {
			t.Errorf("%+q: key %+q has the key %+q, %v", typed, key, again, err)
		}
	})
}
