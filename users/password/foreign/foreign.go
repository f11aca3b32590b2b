package foreign

import (
	"crypto/fips140"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrForm: not a hash of a form that is known here, or one beyond the limits. The text says why, and shows nothing of the hash.
var ErrForm = errors.New("password hash")

// Limits of what a hash may cost, and of its size.
const (
	maxForm       = 4096    // bytes of a whole hash as text
	maxIterations = 5e6     // PBKDF2
	maxMemory     = 1 << 18 // KiB: 256 MiB, argon2 and scrypt
	maxArgonWork  = 1 << 20 // KiB times passes
	maxScryptWork = 1 << 22 // N times r times p
	maxLanes      = 16      // argon2 and scrypt
	maxBcrypt     = 15      // cost
	maxCrypt      = 1e6     // rounds of sha256crypt and sha512crypt
	minDigest     = 16      // bytes
	maxDigest     = 512     // bytes
	maxSalt       = 512     // bytes
)

// Hash is one that was read. It is immutable and safe for concurrent use.
type Hash struct {
	// Heavy: comparing takes much memory (up to 256 MiB), so that it should run alone.
	Heavy bool

	matches func(password []byte) bool
}

// Matches compares a password, as typed, at the hash's own cost. One with a NUL matches nothing: bcrypt and HMAC cannot tell
// a key from the same key with NULs behind it.
func (h *Hash) Matches(password string) (right bool) {
	if strings.Contains(password, "\x00") {
		return false
	}
	fips140.WithoutEnforcement(func() { right = h.matches([]byte(password)) }) // others' hashes are what they are; ours is made next
	return right
}

// Parse reads a hash: PHC strings ($argon2id$…, $scrypt$…, $pbkdf2-sha256$…), modular crypt ($2b$, $1$, $5$, $6$), LDAP's
// {SSHA} and its kin, Django's, and as JSON objects Firebase's (hash, salt, signer_key, salt_separator, rounds, mem_cost) and
// Keycloak's (credentialData, secretData). ErrForm.
func Parse(form string) (*Hash, error) {
	if len(form) > maxForm {
		return nil, refuse("longer than %d bytes", maxForm)
	}
	if strings.HasPrefix(form, `{"`) {
		return parseJSON(form)
	}
	if scheme, rest, ok := strings.Cut(form, "}"); ok && strings.HasPrefix(scheme, "{") {
		switch strings.ToUpper(scheme[1:]) {
		case "CRYPT", "BCRYPT", "ARGON2":
			return parseDollars(rest)
		}
		return parseSalted(strings.ToUpper(scheme[1:]), rest)
	}
	if strings.HasPrefix(form, "$") {
		return parseDollars(form)
	}
	return parseDjango(form)
}

// parseDollars reads what begins with $NAME$.
func parseDollars(form string) (*Hash, error) {
	parts := strings.Split(form, "$")
	if len(parts) < 3 || parts[0] != "" {
		return nil, refuse("of no form known here")
	}
	switch name := parts[1]; name {
	case "2a", "2b", "2y":
		return parseBcrypt(form, nil)
	case "argon2i", "argon2id":
		return parseArgon2(parts[1:])
	case "scrypt":
		return parseScrypt(parts[2:])
	case "pbkdf2", "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2(name, parts[2:])
	case "1", "5", "6":
		return parseCrypt(parts)
	case "argon2d":
		return nil, refuse("argon2d is not taken; argon2i and argon2id are")
	}
	return nil, refuse("of no form known here")
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrForm, fmt.Sprintf(format, args...))
}

// derived is a hash that is right when derive gives want, or (PBKDF2, whose blocks stand for themselves) its beginning.
func derived(heavy bool, want []byte, derive func(password []byte) []byte) (*Hash, error) {
	if len(want) < minDigest || len(want) > maxDigest {
		return nil, refuse("its digest has %d bytes, want %d to %d", len(want), minDigest, maxDigest)
	}
	return &Hash{Heavy: heavy, matches: func(password []byte) bool {
		return subtle.ConstantTimeCompare(derive(password), want) == 1
	}}, nil
}

// number reads a decimal without sign or leading zero, from 1 to most.
func number(s, what string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s || n < 1 {
		return 0, refuse("%s is not a number", what)
	}
	if n > most {
		return 0, refuse("%s is more than %d, which would take too long here", what, most)
	}
	return n, nil
}

// unbase64 takes the standard alphabet, with or without padding, and passlib's, which writes . for +.
func unbase64(s, what string, most int) ([]byte, error) {
	s = strings.ReplaceAll(strings.TrimRight(s, "="), ".", "+")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, refuse("%s is not base64", what)
	}
	if len(b) > most {
		return nil, refuse("%s is longer than %d bytes", what, most)
	}
	return b, nil
}

func unhex(s, what string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, refuse("%s is not hexadecimal", what)
	}
	return b, nil
}

// settings reads "a=1,b=2" with exactly the names asked for, each once, in any order.
func settings(s string, names ...string) (map[string]string, error) {
	found := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := found[name]; !ok || twice {
			return nil, refuse("its parameters cannot be read")
		}
		found[name] = value
	}
	for _, name := range names {
		if _, ok := found[name]; !ok {
			return nil, refuse("the parameter %s is missing", name)
		}
	}
	if len(found) != len(names) {
		return nil, refuse("it has parameters that are not known here")
	}
	return found, nil
}
