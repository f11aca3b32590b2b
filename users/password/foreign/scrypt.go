package foreign

import (
	"math/bits"

	"golang.org/x/crypto/scrypt"
)

// parseScrypt reads the PHC string's parts after the name: ln=…,r=…,p=…, salt, hash.
func parseScrypt(parts []string) (*Hash, error) {
	if len(parts) != 3 {
		return nil, refuse("scrypt must be $scrypt$ln=…,r=…,p=…$salt$hash")
	}
	set, err := settings(parts[0], "ln", "r", "p")
	if err != nil {
		return nil, err
	}
	ln, err := number(set["ln"], "scrypt's ln", 30)
	if err != nil {
		return nil, err
	}
	salt, err := unbase64(parts[1], "the salt", maxSalt)
	if err != nil {
		return nil, err
	}
	want, err := unbase64(parts[2], "the hash", maxDigest)
	if err != nil {
		return nil, err
	}
	return scryptHash(1<<ln, set["r"], set["p"], salt, want)
}

func scryptHash(n int, blocks, lanes string, salt, want []byte) (*Hash, error) {
	r, p, err := scryptCost(n, blocks, lanes)
	if err != nil {
		return nil, err
	}
	return derived(true, want, func(password []byte) []byte {
		key, _ := scrypt.Key(password, salt, n, r, p, len(want)) // fails by its parameters only, which scryptCost checked
		return key
	})
}

// scryptCost bounds memory (128 N r bytes) and work (RFC 7914 section 2).
func scryptCost(n int, blocks, lanes string) (r, p int, err error) {
	if r, err = number(blocks, "scrypt's r", 64); err != nil {
		return 0, 0, err
	}
	if p, err = number(lanes, "scrypt's p", maxLanes); err != nil {
		return 0, 0, err
	}
	if n < 2 || bits.OnesCount(uint(n)) != 1 {
		return 0, 0, refuse("scrypt's N is no power of two")
	}
	if n*r/8 > maxMemory || n*r*p > maxScryptWork {
		return 0, 0, refuse("scrypt's cost is too high: 256 MiB and N*r*p = %d are the limits", maxScryptWork)
	}
	return r, p, nil
}
