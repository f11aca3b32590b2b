package foreign

import (
	"crypto/md5"  //nolint:gosec // as others made them
	"crypto/sha1" //nolint:gosec // as others made them
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// salteds are LDAP's schemes (RFC 2307 and what followed it): base64 of the digest of password and salt, then the salt.
var salteds = map[string]func() hash.Hash{
	"SMD5": md5.New, "SSHA": sha1.New, "SSHA256": sha256.New, "SSHA384": sha512.New384, "SSHA512": sha512.New,
}

func parseSalted(scheme, rest string) (*Hash, error) {
	make, known := salteds[scheme]
	if !known {
		return nil, refuse("of no {SCHEME} known here; a hash without salt is not taken")
	}
	all, err := unbase64(rest, "the hash", maxDigest)
	if err != nil {
		return nil, err
	}
	size := make().Size()
	if len(all) <= size {
		return nil, refuse("{%s} without salt, or cut off", scheme)
	}
	salt := all[size:]
	return derived(false, all[:size], func(password []byte) []byte {
		h := make()
		h.Write(password)
		h.Write(salt)
		return h.Sum(nil)
	})
}
