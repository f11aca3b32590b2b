package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// MaxEmail is the length of the longest address, in octets (RFC 5321 section 4.5.3.1.3 less the angle brackets).
const MaxEmail = 254

const (
	maxLocal = 64 // octets, RFC 5321 section 4.5.3.1.1
	atext    = "!#$%&'*+-/=?^_`{|}~."
)

// EmailKey returns the form under which an address is unique: NFC, the local part in lower case, the domain as IDNA's
// ASCII form in lower case. Addresses with quotes, spaces, controls, invisible characters or compatibility look-alikes are
// refused (ErrEmail).
func EmailKey(address string) (string, error) {
	if len(address) > MaxEmail || !utf8.ValidString(address) {
		return "", ErrEmail
	}
	address = norm.NFC.String(address)
	if norm.NFKC.String(address) != address || strings.ContainsFunc(address, unseen) {
		return "", ErrEmail
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "", ErrEmail
	}
	local := address[:at]
	if len(local) > maxLocal || strings.ContainsFunc(local, notInLocal) || strings.HasPrefix(local, ".") ||
		strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", ErrEmail
	}
	domain, err := DomainKey(address[at+1:])
	if err != nil {
		return "", err
	}
	lower := norm.NFC.String(strings.ToLower(local))
	key := lower + "@" + domain
	// A few letters have no lower case that stays as it is; a key must be its own key.
	if len(lower) > maxLocal || len(key) > MaxEmail || norm.NFKC.String(key) != key || norm.NFC.String(strings.ToLower(lower)) != lower {
		return "", ErrEmail
	}
	return key, nil
}

// unseen reports runes that show nothing or change how others are shown: an address holds none of them, not even a joiner.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

func notInLocal(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(atext, r)
}

// DomainKey is the ASCII form of a mail domain. It has a dot, or is localhost (ErrEmail).
func DomainKey(domain string) (string, error) {
	if strings.ContainsFunc(domain, unicode.IsSpace) {
		return "", ErrEmail
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" || len(ascii) > 253 {
		return "", ErrEmail
	}
	ascii = strings.ToLower(ascii)
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", ErrEmail
	}
	labels := strings.Split(ascii, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "", ErrEmail
		}
	}
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || len(labels) == 1 && last != "localhost" {
		return "", ErrEmail
	}
	return ascii, nil
}

// EmailDomain returns the domain of an address in lower case, as it is written; "" if the address has no domain or no local part.
// The domain is what follows the last @, as the local part may hold one in quotes (RFC 5321 section 4.1.2).
func EmailDomain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return ""
	}
	return strings.ToLower(address[at+1:])
}
