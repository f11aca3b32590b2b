package foreign

import (
	"golang.org/x/crypto/bcrypt"
)

const bcryptLength = 60

// parseBcrypt takes $2a$, $2b$ and $2y$. before, if given, is what was done to the password first. As everywhere, bcrypt reads
// 72 bytes: that is how the hash was made.
func parseBcrypt(form string, before func(password []byte) []byte) (*Hash, error) {
	hash := []byte(form)
	cost, err := bcrypt.Cost(hash)
	if err != nil || len(form) != bcryptLength {
		return nil, refuse("not a bcrypt hash of %d characters", bcryptLength)
	}
	for _, c := range form[7:] {
		if c != '.' && c != '/' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return nil, refuse("not bcrypt's alphabet")
		}
	}
	if cost > maxBcrypt {
		return nil, refuse("bcrypt's cost is more than %d, which would take too long here", maxBcrypt)
	}
	return &Hash{matches: func(password []byte) bool {
		if before != nil {
			password = before(password)
		}
		return bcrypt.CompareHashAndPassword(hash, password) == nil
	}}, nil
}
