package users

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"signet/internal/typed"
)

const (
	minUsername = 3   // code points
	maxUsername = 64  // code points
	maxName     = 100 // code points
)

// UsernameKey returns the form under which a user name is unique: RFC 8265's UsernameCaseMapped, of which letters, digits,
// dots, dashes and underscores are taken, beginning with a letter, so that no user name can be an address (ErrUsername).
func UsernameKey(username string) (string, error) {
	n := utf8.RuneCountInString(username)
	if !utf8.ValidString(username) || n < minUsername || n > maxUsername {
		return "", ErrUsername
	}
	key, err := precis.UsernameCaseMapped.String(username)
	if n := utf8.RuneCountInString(key); err != nil || norm.NFKC.String(key) != key || n < minUsername || n > maxUsername {
		return "", ErrUsername
	}
	if again, err := precis.UsernameCaseMapped.String(key); err != nil || again != key {
		return "", ErrUsername
	}
	for i, r := range key {
		isLetter := unicode.IsLetter(r)
		if i == 0 && !isLetter || !isLetter && !unicode.In(r, unicode.M, unicode.Nd) && !strings.ContainsRune(".-_", r) {
			return "", ErrUsername
		}
	}
	return key, nil
}

// cleanName returns a name in NFC: 1 to 100 code points without controls, line ends, bidi overrides and invisible characters; joiners may
// be where a script or an emoji needs them (ErrName).
func cleanName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", ErrName
	}
	name = strings.TrimSpace(norm.NFC.String(name))
	n := utf8.RuneCountInString(name)
	if n < 1 || n > maxName || typed.Hidden(name) {
		return "", ErrName
	}
	return name, nil
}

// unseen reports runes that show nothing or change how others are shown: an address holds none of them, not even a joiner.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}
