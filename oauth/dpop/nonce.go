package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// window is how long one nonce is the current one. The one before and the one after are taken, too.
const window = 2 * time.Minute

// Nonces are those that a server gives out (RFC 9449 section 8): a MAC over the number of the present window, so that every replica that
// has the master key knows them, before and after a restart, and nothing is stored.
type Nonces struct {
	// Keys: the first makes them, all are taken.
	Keys [][]byte
}

func made(key []byte, number int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(number))
	mac := hmac.New(sha256.New, key)
	mac.Write(b[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func number(now time.Time) int64 { return now.Unix() / int64(window/time.Second) }

// current is the nonce to give out.
func (n *Nonces) current(now time.Time) string { return made(n.Keys[0], number(now)) }

// judge reports whether a nonce is one of ours that still counts, and whether it is the current one.
func (n *Nonces) judge(nonce string, now time.Time) (known, current bool) {
	if n == nil || nonce == "" {
		return false, false
	}
	for i, key := range n.Keys {
		for ahead := int64(-1); ahead <= 1; ahead++ {
			if hmac.Equal([]byte(made(key, number(now)+ahead)), []byte(nonce)) {
				known = true
				current = current || ahead == 0 && i == 0
			}
		}
	}
	return known, current
}
