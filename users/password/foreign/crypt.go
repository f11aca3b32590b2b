package foreign

import (
	"crypto/sha256"
	"crypto/sha512"
	"strings"

	"github.com/go-crypt/x/crypt"
)

// parseCrypt reads crypt(3)'s $1$ (MD5), $5$ (SHA-256) and $6$ (SHA-512), the latter two with or without rounds=.
func parseCrypt(parts []string) (*Hash, error) {
	rounds := 5000
	if rest, ok := strings.CutPrefix(parts[2], "rounds="); ok && parts[1] != "1" {
		var err error
		if rounds, err = number(rest, "the number of rounds", maxCrypt); err != nil {
			return nil, err
		}
		if rounds < 1000 {
			return nil, refuse("fewer than 1000 rounds")
		}
		parts = append(parts[:2:2], parts[3:]...)
	}
	most, length := 16, map[string]int{"1": 22, "5": 43, "6": 86}[parts[1]]
	if parts[1] == "1" {
		most = 8
	}
	if len(parts) != 4 || parts[2] == "" || len(parts[2]) > most || len(parts[3]) != length {
		return nil, refuse("not crypt's form: $%s$salt$hash", parts[1])
	}
	salt := []byte(parts[2])
	return derived(false, []byte(parts[3]), func(password []byte) []byte {
		switch parts[1] {
		case "5":
			return crypt.KeySHACrypt(sha256.New, password, salt, rounds)
		case "6":
			return crypt.KeySHACrypt(sha512.New, password, salt, rounds)
		}
		return crypt.KeyMD5Crypt(password, salt)
	})
}
