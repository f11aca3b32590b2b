// Package seal keeps secrets at rest: it seals them under the operator's master key (AES-256-GCM, random nonce, the key's
// id in front, bound to the place they are stored in) and derives one key per use from it (HKDF-SHA-256 by label).
//
// Several master keys may be listed: the first seals and derives, all open. It does not know where the master key comes
// from (config, cmd) nor what is sealed. Begin reading with Master.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// Categories of a value that does not open.
var (
	// ErrWrongKey: the value was sealed with a master key that is not listed.
	ErrWrongKey = errors.New(
		"sealed with a master key that is not configured: list the key it was sealed with (SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE)")
	// ErrDamaged: the value was changed, cut, or moved here from another place.
	ErrDamaged = errors.New("sealed value is damaged or belongs elsewhere")
)

const (
	format = 1 // the first byte of every sealed value
	idSize = 8 // the id of the master key follows it

	// Labels of the master key's own two uses; Derive's live in another name space.
	labelID   = "signet master key id"
	labelSeal = "signet sealing"
)

// Master holds the master keys, the first of which seals and derives. It is immutable and safe for concurrent use.
type Master struct{ keys []masterKey }

type masterKey struct {
	id   []byte
	prk  []byte // HKDF pseudorandom key, RFC 5869 section 2.2
	aead cipher.AEAD
}

// New takes master keys of 32 random bytes each; the first seals, all open.
func New(keys ...[]byte) (*Master, error) {
	if len(keys) == 0 {
		return nil, errors.New("no master key given")
	}
	m := &Master{}
	for i, k := range keys {
		if len(k) != KeySize {
			return nil, fmt.Errorf("master key %d has %d bytes: it must have %d", i+1, len(k), KeySize)
		}
		if len(bytes.Trim(k, string(k[:1]))) == 0 {
			return nil, fmt.Errorf("master key %d is one byte repeated: make a random one", i+1)
		}
		mk, err := newMasterKey(k)
		if err != nil {
			return nil, err
		}
		if m.byID(mk.id) != nil {
			return nil, fmt.Errorf("master key %d is listed twice", i+1)
		}
		m.keys = append(m.keys, mk)
	}
	return m, nil
}

func newMasterKey(k []byte) (masterKey, error) {
	prk, err := hkdf.Extract(sha256.New, k, nil)
	if err != nil {
		return masterKey{}, err
	}
	mk := masterKey{prk: prk}
	mk.id = mk.expand(labelID)[:idSize]
	block, err := aes.NewCipher(mk.expand(labelSeal))
	if err != nil {
		return masterKey{}, err
	}
	mk.aead, err = cipher.NewGCMWithRandomNonce(block)
	return mk, err
}

func (k masterKey) expand(info string) []byte {
	out, err := hkdf.Expand(sha256.New, k.prk, info, KeySize)
	if err != nil {
		panic("seal: " + err.Error()) // only for lengths that are not asked for here
	}
	return out
}

// Parse reads keys as Generate writes them (base64, either alphabet), separated by commas or white space. Its errors
// number the keys and never show them.
func Parse(text string) (*Master, error) {
	var keys [][]byte
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		word = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(word), "=")
		k, err := base64.RawURLEncoding.Strict().DecodeString(word)
		if err != nil {
			return nil, fmt.Errorf("master key %d is not base64", len(keys)+1)
		}
		keys = append(keys, k)
	}
	return New(keys...)
}

// Generate makes one master key as text.
func Generate() string {
	k := make([]byte, KeySize)
	rand.Read(k)
	return base64.RawURLEncoding.EncodeToString(k)
}

// Derive gives the 32 byte key for one use, named by label, from the first master key.
func (m *Master) Derive(label string) []byte { return m.keys[0].derive(label) }

// DeriveAll gives the key for one use from each master key, the first first.
func (m *Master) DeriveAll(label string) [][]byte {
	out := make([][]byte, len(m.keys))
	for i, k := range m.keys {
		out[i] = k.derive(label)
	}
	return out
}

func (k masterKey) derive(label string) []byte { return k.expand("signet use: " + label) }

// Seal encrypts plain with the first master key. aad names the place it will be stored in (see Place): it opens nowhere else.
func (m *Master) Seal(plain, aad []byte) ([]byte, error) {
	k := m.keys[0]
	out := make([]byte, 0, 1+idSize+len(plain)+k.aead.Overhead())
	out = append(append(out, format), k.id...)
	return k.aead.Seal(out, nil, plain, aad), nil
}

// Open decrypts what Seal made for the same place, with whichever master key sealed it; ErrWrongKey, ErrDamaged.
func (m *Master) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < 1+idSize || sealed[0] != format {
		return nil, ErrDamaged
	}
	k := m.byID(sealed[1 : 1+idSize])
	if k == nil {
		return nil, ErrWrongKey
	}
	plain, err := k.aead.Open(nil, nil, sealed[1+idSize:], aad)
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}

// Stale tells that a value was sealed with another master key than the first, so that it is time to seal it again.
func (m *Master) Stale(sealed []byte) bool {
	return len(sealed) < 1+idSize || !bytes.Equal(sealed[1:1+idSize], m.keys[0].id)
}

// HeadSize is the length of a sealed value's head: the format and the id of the master key.
const HeadSize = 1 + idSize

// KeyID tells by a value's head, or the whole value, which master key sealed it; "" = the value is damaged.
func KeyID(head []byte) string {
	if len(head) < HeadSize || head[0] != format {
		return ""
	}
	return hex.EncodeToString(head[1:HeadSize])
}

// IDs of the master keys as KeyID writes them, the first first. They tell nothing about the keys.
func (m *Master) IDs() []string {
	ids := make([]string, len(m.keys))
	for i, k := range m.keys {
		ids[i] = hex.EncodeToString(k.id)
	}
	return ids
}

func (m *Master) byID(id []byte) *masterKey {
	for i := range m.keys {
		if bytes.Equal(m.keys[i].id, id) {
			return &m.keys[i]
		}
	}
	return nil
}

// Place is the additional data of a value stored in a column: table, row and column, so that a value that is moved to
// another row does not open.
func Place(table, row, column string) []byte {
	return []byte(table + "\x00" + row + "\x00" + column)
}
