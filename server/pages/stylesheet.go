package pages

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// LargestBrandFile is what a file of the operator's may have, in bytes.
const LargestBrandFile = 64 << 10

// fetchers are the ways of a style sheet to load something, apart from url(): none of them is of use to one that may load our files only.
var fetchers = regexp.MustCompile(`@import|image-set\(|\b(?:image|src|cross-fade|element|expression)\(|-moz-binding|behavior\s*:`)

// checkCSS refuses a style sheet of the operator's that loads something from elsewhere: a policy of the page forbids it too, but who runs
// Signet is to learn at the start why a picture is missing. It looks at the whole text, comments and strings included, with escapes made
// plain: rather a sheet too many refused than one too few.
func checkCSS(css []byte, prefix string) error {
	switch {
	case len(css) > LargestBrandFile:
		return fmt.Errorf("has more than %d KiB", LargestBrandFile>>10)
	case !utf8.Valid(css) || bytes.IndexByte(css, 0) >= 0:
		return errors.New("must be UTF-8 text")
	}
	plain := strings.ToLower(unescapeCSS(string(css)))
	if found := fetchers.FindString(plain); found != "" {
		return fmt.Errorf("holds %s, which loads something: only url(%s/static/…) may be used", found, prefix)
	}
	for rest := plain; ; {
		_, after, found := strings.Cut(rest, "url(")
		if !found {
			return nil
		}
		target, after, closed := strings.Cut(after, ")")
		if target = unquoted(strings.Trim(target, " \t\r\n\f")); !closed || !ourFile(target, prefix) {
			return fmt.Errorf("holds url(%s): only files under %s/static/ may be loaded", cutShort(target), prefix)
		}
		rest = after
	}
}

// unquoted is what is in quotes. One that a bracket cut in two keeps its quote, and is no file of ours.
func unquoted(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

// ourFile reports whether an address, in lower case, is one of a static file of ours however a browser reads it.
func ourFile(target, prefix string) bool {
	name, found := strings.CutPrefix(target, strings.ToLower(prefix)+"/static/")
	return found && !strings.Contains(name, "..") && !strings.ContainsAny(name, "%\\?#\"' \t\r\n\f")
}

func cutShort(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// unescapeCSS makes escapes plain (CSS Syntax Module Level 3 section 4.3.7): \75rl( is url(.
func unescapeCSS(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out.WriteByte(s[i])
			continue
		}
		digits := 0
		for digits < 6 && i+1+digits < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[i+1+digits]) >= 0 {
			digits++
		}
		if digits == 0 { // the next character is itself; a line feed in a string, nothing
			if i++; i < len(s) {
				out.WriteByte(s[i])
			}
			continue
		}
		code, _ := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
		out.WriteRune(rune(code))
		if i += digits; strings.HasPrefix(s[i+1:], "\r\n") {
			i += 2
		} else if i+1 < len(s) && strings.IndexByte(" \t\n\r\f", s[i+1]) >= 0 {
			i++
		}
	}
	return out.String()
}
