package foreign

import (
	"golang.org/x/crypto/argon2"
)

// argon holds argon2's settings (RFC 9106).
type argon struct {
	id                    bool // argon2id, else argon2i
	memory, passes, lanes int
	salt, want            []byte
}

// parseArgon2 reads the PHC string's parts: name, v=19, m=…,t=…,p=…, salt, hash.
func parseArgon2(parts []string) (*Hash, error) {
	if len(parts) != 5 || parts[1] != "v=19" {
		return nil, refuse("argon2 must be of version 19: $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	set, err := settings(parts[2], "m", "t", "p")
	if err != nil {
		return nil, err
	}
	a := argon{id: parts[0] == "argon2id"}
	if a.memory, err = number(set["m"], "argon2's memory", maxMemory); err != nil {
		return nil, err
	}
	if a.passes, err = number(set["t"], "argon2's number of passes", maxArgonWork); err != nil {
		return nil, err
	}
	if a.lanes, err = number(set["p"], "argon2's parallelism", maxLanes); err != nil {
		return nil, err
	}
	if a.salt, err = unbase64(parts[3], "the salt", maxSalt); err != nil {
		return nil, err
	}
	if a.want, err = unbase64(parts[4], "the hash", maxDigest); err != nil {
		return nil, err
	}
	return a.hash()
}

func (a argon) hash() (*Hash, error) {
	if a.memory < 8*a.lanes || len(a.salt) < 8 {
		return nil, refuse("argon2 with too little memory or salt (RFC 9106 section 3.1)")
	}
	if a.memory*a.passes > maxArgonWork {
		return nil, refuse("argon2's memory times passes is more than %d KiB, which would take too long here", maxArgonWork)
	}
	key := argon2.Key
	if a.id {
		key = argon2.IDKey
	}
	return derived(true, a.want, func(password []byte) []byte {
		return key(password, a.salt, uint32(a.passes), uint32(a.memory), uint8(a.lanes), uint32(len(a.want)))
	})
}
