package telemetry

import (
	"strings"
	"testing"
	"time"
)

func TestT02_OutsideTextsAreCutAndEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"shop":                     "shop",
		"":                         "",
		"a\nb\x1b[2J":              `a\nb\x1b[2J`,
		"\u202eevil":               `\u202eevil`,
		"\xff":                     `\xff`,
		`say "x" é`:                `say "x" \u00e9`,
		strings.Repeat("x", 4000):  strings.Repeat("x", 200) + "...",
		strings.Repeat("\n", 4000): strings.Repeat(`\n`, 100) + "...",
	} {
		if got := Outside(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestT01_URIsOfTheLogHoldNoSecret(t *testing.T) {
	for in, want := range map[string]string{
		"https://shop.example/cb":                "https://shop.example/cb",
		"https://shop.example":                   "https://shop.example",
		"https://shop.example/cb?code=s3cret":    "https://shop.example/cb?...",
		"https://shop.example/cb#token=s3cret":   "https://shop.example/cb#...",
		"https://ada:s3cret@shop.example/a@b":    "https://...@shop.example/a@b",
		"com.example.app:/cb":                    "com.example.app:/cb",
		"not a URI?s3cret":                       "not a URI?...",
		"":                                       "",
		"https://shop.example/cb\r\nlevel=ERROR": `https://shop.example/cb\r\nlevel=ERROR`,
	} {
		if got := URI("redirect_uri", in).Value.String(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	many := make([]string, 12)
	for i := range many {
		many[i] = "https://a.example/"
	}
	if got := URIs("registered_uris", many).Value.String(); strings.Count(got, "https://") != 10 || !strings.HasSuffix(got, " and 2 more") {
		t.Errorf("got %q", got)
	}
	if got := Micros("took_us", 1500*time.Microsecond).Value.Int64(); got != 1500 {
		t.Errorf("got %v us", got)
	}
}
