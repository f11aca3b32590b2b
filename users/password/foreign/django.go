package foreign

import (
	"crypto/md5"  //nolint:gosec // as others made them
	"crypto/sha1" //nolint:gosec // as others made them
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
)

// parseDjango reads NAME$… as django.contrib.auth.hashers writes it.
func parseDjango(form string) (*Hash, error) {
	name, rest, _ := strings.Cut(form, "$")
	switch name {
	case "argon2":
		return parseDollars("$" + rest)
	case "bcrypt":
		return parseBcrypt(rest, nil)
	case "bcrypt_sha256":
		return parseBcrypt(rest, func(password []byte) []byte {
			sum := sha256.Sum256(password)
			return hex.AppendEncode(nil, sum[:])
		})
	}
	parts := strings.Split(rest, "$")
	switch {
	case (name == "pbkdf2_sha256" || name == "pbkdf2_sha1") && len(parts) == 3:
		want, err := unbase64(parts[2], "the hash", maxDigest)
		if err != nil {
			return nil, err
		}
		return pbkdf2Hash(strings.TrimPrefix(name, "pbkdf2_"), parts[0], []byte(parts[1]), want)
	case name == "scrypt" && len(parts) == 5:
		n, err := number(parts[0], "scrypt's N", 1<<30)
		if err != nil {
			return nil, err
		}
		want, err := unbase64(parts[4], "the hash", maxDigest)
		if err != nil {
			return nil, err
		}
		return scryptHash(n, parts[2], parts[3], []byte(parts[1]), want)
	case name == "sha1" && len(parts) == 2:
		return saltFirst(sha1.New, parts[0], parts[1])
	case name == "md5" && len(parts) == 2:
		return saltFirst(md5.New, parts[0], parts[1])
	}
	return nil, refuse("of no form known here")
}

// saltFirst is hex of the digest of salt and password.
func saltFirst(make func() hash.Hash, salt, hex string) (*Hash, error) {
	want, err := unhex(hex, "the hash")
	if err != nil {
		return nil, err
	}
	if salt == "" || len(want) != make().Size() {
		return nil, refuse("without salt, or cut off")
	}
	return derived(false, want, func(password []byte) []byte {
		h := make()
		h.Write([]byte(salt))
		h.Write(password)
		return h.Sum(nil)
	})
}
