package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

const (
	minUsername = 3  // code points
	maxUsername = 64 // code points
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
