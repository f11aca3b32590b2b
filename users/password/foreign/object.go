package foreign

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// object is a hash that has no form as text: Firebase's fields, or Keycloak's two, which are JSON inside.
type object struct {
	Hash          string `json:"hash"`
	Salt          string `json:"salt"`
	SignerKey     string `json:"signer_key"`
	SaltSeparator string `json:"salt_separator"`
	Rounds        int    `json:"rounds"`
	MemCost       int    `json:"mem_cost"`

	CredentialData string `json:"credentialData"`
	SecretData     string `json:"secretData"`
}

func parseJSON(form string) (*Hash, error) {
	var o object
	d := json.NewDecoder(strings.NewReader(form))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || d.More() {
		return nil, refuse("not an object of Firebase's fields or Keycloak's")
	}
	if o.CredentialData != "" || o.SecretData != "" {
		if o.Hash+o.Salt+o.SignerKey != "" {
			return nil, refuse("Firebase's fields and Keycloak's in one")
		}
		return parseKeycloak(o)
	}
	return parseFirebase(o)
}

// parseFirebase: scrypt makes a key, under which the project's signer key is encrypted (AES-256-CTR); the ciphertext is the
// hash (github.com/firebase/scrypt).
func parseFirebase(o object) (*Hash, error) {
	if o.MemCost < 1 || o.MemCost > 30 {
		return nil, refuse("mem_cost must be 1 to 14 or so")
	}
	n := 1 << o.MemCost
	r, _, err := scryptCost(n, strconv.Itoa(o.Rounds), "1")
	if err != nil {
		return nil, err
	}
	var fields [4][]byte
	for i, f := range [4][2]string{{o.Hash, "hash"}, {o.Salt, "salt"}, {o.SignerKey, "signer_key"}, {o.SaltSeparator, "salt_separator"}} {
		text := strings.NewReplacer("-", "+", "_", "/").Replace(f[0]) // exports have either alphabet
		if fields[i], err = unbase64(text, f[1], maxDigest); err != nil {
			return nil, err
		}
	}
	want, signer, salt := fields[0], fields[2], bytes.Join([][]byte{fields[1], fields[3]}, nil)
	if len(want) != len(signer) || len(fields[1]) == 0 {
		return nil, refuse("hash and signer_key do not fit, or there is no salt")
	}
	return derived(true, want, func(password []byte) []byte {
		key, err := scrypt.Key(password, salt, n, r, 1, 32)
		if err != nil {
			return nil
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil
		}
		out := make([]byte, len(signer))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, signer)
		return out
	})
}

// parseKeycloak reads a credential of Keycloak's export.
func parseKeycloak(o object) (*Hash, error) {
	var how struct {
		Algorithm  string              `json:"algorithm"`
		Iterations int                 `json:"hashIterations"`
		More       map[string][]string `json:"additionalParameters"`
	}
	var secret struct {
		Value string `json:"value"`
		Salt  string `json:"salt"`
	}
	if json.Unmarshal([]byte(o.CredentialData), &how) != nil || json.Unmarshal([]byte(o.SecretData), &secret) != nil {
		return nil, refuse("credentialData or secretData is not JSON")
	}
	salt, err := unbase64(secret.Salt, "the salt", maxSalt)
	if err != nil {
		return nil, err
	}
	want, err := unbase64(secret.Value, "the hash", maxDigest)
	if err != nil {
		return nil, err
	}
	switch how.Algorithm {
	case "pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512":
		return pbkdf2Hash(strings.TrimPrefix(strings.TrimPrefix(how.Algorithm, "pbkdf2"), "-"), strconv.Itoa(how.Iterations), salt, want)
	case "argon2":
		return keycloakArgon2(how.Iterations, how.More, salt, want)
	}
	return nil, refuse("Keycloak's algorithm is not known here: pbkdf2, pbkdf2-sha256, pbkdf2-sha512 and argon2 are")
}

func keycloakArgon2(passes int, more map[string][]string, salt, want []byte) (*Hash, error) {
	one := func(name string) string {
		if list := more[name]; len(list) == 1 {
			return list[0]
		}
		return ""
	}
	if v := one("version"); v != "1.3" {
		return nil, refuse("argon2 must be of version 1.3")
	}
	kind := one("type")
	if kind != "id" && kind != "i" {
		return nil, refuse("argon2's type must be id or i")
	}
	a := argon{id: kind == "id", salt: salt, want: want}
	var err error
	if a.passes, err = number(strconv.Itoa(passes), "argon2's number of passes", maxArgonWork); err != nil {
		return nil, err
	}
	if a.memory, err = number(one("memory"), "argon2's memory", maxMemory); err != nil {
		return nil, err
	}
	if a.lanes, err = number(one("parallelism"), "argon2's parallelism", maxLanes); err != nil {
		return nil, err
	}
	return a.hash()
}
