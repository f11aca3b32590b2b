package kit

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	pause   = 30 * time.Second // between two fetches, whatever tokens come
	renewal = 10 * time.Minute // after which keys are fetched again, beside the requests
	mostJWK = 100              // keys are read of a set
)

// keySet are the keys of an issuer. Tokens with made-up key ids cause one fetch in 30 seconds at most, and one at a time; while the issuer
// cannot be reached, the keys of before are used for the time stale.
type keySet struct {
	source *source
	stale  time.Duration

	mu     sync.Mutex
	keys   map[string][]jose.JSONWebKey
	got    time.Time     // when the keys came
	tried  time.Time     // when the last fetch began
	failed int           // fetches since there were keys
	err    error         // of the last fetch
	flight chan struct{} // closed when the fetch that is under way ends
}

// find gives the key for a token. The error wraps ErrKey if the issuer has none, ErrUnavailable if that is not known.
func (k *keySet) find(ctx context.Context, kid, alg string) (any, error) {
	key, flight, err := k.look(ctx, kid, alg)
	if flight == nil {
		return key, err
	}
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	key, _, err = k.look(ctx, kid, alg)
	return key, err
}

// look is find without waiting: the flight is what may bring the key, nil if there is nothing to wait for.
func (k *keySet) look(ctx context.Context, kid, alg string) (key any, flight chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	usable := k.keys != nil && now.Sub(k.got) < k.stale
	if usable {
		for _, j := range k.keys[kid] {
			if fits(j, alg) {
				if now.Sub(k.got) >= renewal {
					k.start(ctx, now)
				}
				return j.Key, nil, nil
			}
		}
	}
	k.start(ctx, now)
	err = fmt.Errorf("%w: kid %.64q with alg %s", ErrKey, kid, alg)
	if !usable || k.err != nil { // what cannot be known is no fault of the token
		err = fmt.Errorf("%w: keys of the issuer: %w", ErrUnavailable, k.err)
	}
	return nil, k.flight, err
}

// start begins a fetch unless one is under way, or the last one was a moment ago. An issuer that was never reached is asked after 1, 2, 4 …
// seconds, so that the API serves soon after it.
func (k *keySet) start(ctx context.Context, now time.Time) {
	wait := pause
	if k.keys == nil && k.failed < 5 {
		wait = time.Second << k.failed / 2
	}
	if k.flight != nil || !k.tried.IsZero() && now.Sub(k.tried) < wait {
		return
	}
	k.tried = now
	done := make(chan struct{})
	k.flight = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		keys, err := k.source.keys(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.err = err; err == nil {
			k.keys, k.got, k.failed = keys, time.Now(), 0
		} else {
			k.failed++
		}
		k.flight = nil
		close(done)
	}()
}

// parseKeys reads a JWKS. Keys that are not for us, or that are too weak, are left out: an issuer may have keys of kinds that we do not
// know.
func parseKeys(raw []byte) (map[string][]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	keys := map[string][]jose.JSONWebKey{}
	for _, one := range set.Keys[:min(len(set.Keys), mostJWK)] {
		var j jose.JSONWebKey
		if json.Unmarshal(one, &j) != nil || !j.Valid() || !j.IsPublic() || j.KeyID == "" || j.Use != "" && j.Use != "sig" {
			continue
		}
		keys[j.KeyID] = append(keys[j.KeyID], j)
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no keys")
	}
	return keys, nil
}

// fits reports whether a signature of the algorithm can be verified with the key: never by what the token alone says of it.
func fits(j jose.JSONWebKey, alg string) bool {
	if j.Algorithm != "" && j.Algorithm != alg {
		return false
	}
	switch key := j.Key.(type) {
	case *ecdsa.PublicKey:
		bits := key.Params().BitSize
		return alg == "ES256" && bits == 256 || alg == "ES384" && bits == 384 || alg == "ES512" && bits == 521
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return bits >= 2048 && bits <= 8192 && len(alg) == 5 && (alg[:2] == "RS" || alg[:2] == "PS")
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}
