// Package repeat keeps what requests answered by the key that their caller gave them (Idempotency-Key), so that a request whose answer was
// lost can be sent again without being carried out twice.
//
// Answers hold secrets that are shown once. They are encrypted under a key made of the master key, the caller and the caller's key, which
// is stored nowhere; what was sent is compared by a MAC. A request that was refused is forgotten. One whose end nobody knows, for its
// process died or the database did not say, is never carried out again under the same key. Begin reading with Keeper.Begin.
package repeat

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/storage"
)

// Errors of Begin, which callers branch on with errors.Is.
var (
	// ErrKey: no key has this form.
	ErrKey = errors.New("a key is 1 to 255 visible ASCII characters")
	// ErrOther: the key was used for another request.
	ErrOther = errors.New("the key was used for another request")
	// ErrRunning: the request is being worked on.
	ErrRunning = errors.New("the request with this key is being worked on")
	// ErrUnknown: nobody knows how the request with this key ended.
	ErrUnknown = errors.New("how the request with this key ended is not known")
)

// Store keeps answers; *storage.DB.
type Store interface {
	ClaimAnswer(ctx context.Context, id, claim, request string, now, expires time.Time) error
	PutAnswer(ctx context.Context, id, claim string, answer []byte) error
	Answer(ctx context.Context, id string) (request string, answer []byte, claimed time.Time, err error)
	DropAnswer(ctx context.Context, id, claim string) error
}

const (
	keep    = 24 * time.Hour  // answers are kept
	working = time.Minute     // more than a request may take
	writing = 5 * time.Second // for what is written after the request
	largest = 256 << 10       // bytes of an answer that is kept
	longest = 255             // bytes of a key
)

// Keeper keeps them.
type Keeper struct {
	store Store
	keys  [][]byte
}

// New makes one over keys that are derived from the master keys: the first one is used for what is new.
func New(store Store, keys [][]byte) (*Keeper, error) {
	if store == nil || len(keys) == 0 {
		return nil, errors.New("admin/repeat: a store and keys are required")
	}
	return &Keeper{store, keys}, nil
}

// Request is one that a caller may send again.
type Request struct {
	Caller string
	Key    string
	Sent   []byte // all of it that counts
}

// Answer is what it was answered.
type Answer struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header"`
	Body   []byte              `json:"body"`
	// Held is what the caller was allowed then: who is allowed less now is not shown it.
	Held []string `json:"held"`
}

// Claim is a request that has to be carried out.
type Claim struct {
	keeper    *Keeper
	id, claim string
	secret    []byte
}

// Begin answers with what the request answered before, or with a claim: then it has to be carried out, and the claim to be ended.
func (k *Keeper) Begin(ctx context.Context, r Request) (*Answer, *Claim, error) {
	if r.Key == "" || len(r.Key) > longest || strings.ContainsFunc(r.Key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, nil, ErrKey
	}
	sum := sha256.Sum256([]byte(r.Caller + "\x00" + r.Key))
	c := &Claim{k, hex.EncodeToString(sum[:]), rand.Text(), r.secret(k.keys[0])}
	now := time.Now()
	err := k.store.ClaimAnswer(ctx, c.id, c.claim, r.mac(c.secret), now, now.Add(keep))
	if err == nil {
		return nil, c, nil
	}
	if !errors.Is(err, storage.ErrConflict) {
		return nil, nil, fmt.Errorf("claim request: %w", err)
	}
	a, err := k.known(ctx, c.id, r)
	return a, nil, err
}

// known is what a request answered that has been claimed.
func (k *Keeper) known(ctx context.Context, id string, r Request) (*Answer, error) {
	request, sealed, claimed, err := k.store.Answer(ctx, id)
	if errors.Is(err, storage.ErrNotFound) { // it went wrong at this moment
		return nil, ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	for _, key := range k.keys {
		secret := r.secret(key)
		if !hmac.Equal([]byte(request), []byte(r.mac(secret))) {
			continue
		}
		switch {
		case sealed != nil:
			return open(secret, sealed)
		case time.Since(claimed) < working:
			return nil, ErrRunning
		}
		return nil, ErrUnknown
	}
	return nil, ErrOther
}

// secret is the key of one request's row.
func (r Request) secret(key []byte) []byte { return macOf(key, "row", r.Caller, r.Key) }

// mac is what was sent, for whoever has the row's key.
func (r Request) mac(secret []byte) string {
	return hex.EncodeToString(macOf(secret, "request", string(r.Sent)))
}

func macOf(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return h.Sum(nil)
}

// Keep ends a claim with its answer. The caller has it either way: what cannot be kept is ErrUnknown to whoever asks again.
func (c *Claim) Keep(ctx context.Context, a Answer) error {
	plain, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if len(plain) > largest {
		return fmt.Errorf("an answer of %d bytes is not kept", len(plain))
	}
	aead, err := cipherOf(c.secret)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	if err := c.keeper.store.PutAnswer(ctx, c.id, c.claim, aead.Seal(nil, nil, plain, nil)); err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// Lose ends a claim of which nobody knows if it was carried out: whoever asks again is told so, ErrUnknown.
func (c *Claim) Lose(ctx context.Context) error { return c.Keep(ctx, Answer{}) }

// Drop ends a claim that came to nothing, for certain: the request may be sent again.
func (c *Claim) Drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	if err := c.keeper.store.DropAnswer(ctx, c.id, c.claim); err != nil {
		return fmt.Errorf("drop claim: %w", err)
	}
	return nil
}

func open(secret, sealed []byte) (*Answer, error) {
	aead, err := cipherOf(secret)
	if err != nil {
		return nil, err
	}
	var a Answer
	plain, err := aead.Open(nil, nil, sealed, nil)
	if err == nil {
		err = json.Unmarshal(plain, &a)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if a.Status == 0 { // of Lose
		return nil, ErrUnknown
	}
	return &a, nil
}

// cipherOf encrypts answers of one row: nonces are random and in front.
func cipherOf(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(macOf(secret, "answer"))
	if err != nil {
		return nil, fmt.Errorf("cipher of answers: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
