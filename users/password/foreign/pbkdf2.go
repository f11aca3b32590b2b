package foreign

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // as others made them
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

// digests by the name that PBKDF2's forms have behind "pbkdf2-"; none is SHA-1.
var digests = map[string]func() hash.Hash{"": sha1.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// parsePBKDF2 reads the parts after the name, in passlib's form (29000, salt, hash) and in PHC's (i=29000 or i=29000,l=32).
func parsePBKDF2(name string, parts []string) (*Hash, error) {
	if len(parts) != 3 {
		return nil, refuse("PBKDF2 must be $%s$ITERATIONS$salt$hash", name)
	}
	iterations := parts[0]
	if strings.Contains(iterations, "=") {
		names := []string{"i", "l"}[:1+strings.Count(iterations, ",")&1]
		set, err := settings(iterations, names...)
		if err != nil {
			return nil, err
		}
		iterations = set["i"]
	}
	salt, err := unbase64(parts[1], "the salt", maxSalt)
	if err != nil {
		return nil, err
	}
	want, err := unbase64(parts[2], "the hash", maxDigest)
	if err != nil {
		return nil, err
	}
	_, digest, _ := strings.Cut(name, "-")
	return pbkdf2Hash(digest, iterations, salt, want)
}

// pbkdf2Hash compares the first block only: blocks are made apart from each other (RFC 8018 section 5.2), each at full cost.
func pbkdf2Hash(digest, iterations string, salt, want []byte) (*Hash, error) {
	n, err := number(iterations, "the number of iterations", maxIterations)
	if err != nil {
		return nil, err
	}
	make, known := digests[digest]
	if !known {
		return nil, refuse("PBKDF2 with a digest that is not known here")
	}
	if len(want) > maxDigest {
		return nil, refuse("its digest is longer than %d bytes", maxDigest)
	}
	want = want[:min(len(want), make().Size())]
	return derived(false, want, func(password []byte) []byte {
		key, _ := pbkdf2.Key(make, string(password), salt, n, len(want)) // fails in FIPS mode only: then nothing matches
		return key
	})
}
