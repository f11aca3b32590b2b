package password

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"signet/audit"
	"signet/internal/tracing"
	"signet/internal/turns"
)

// ErrBusy: all hash workers were taken for as long as the queue lasts. Callers answer 503 with Retry-After.
var ErrBusy = errors.New("too many passwords to hash at once")

// RetryAfter is what to tell who met ErrBusy.
const RetryAfter = 5 * time.Second

const (
	tag       = "v1$"                // how the password was prepared; what follows is bcrypt's own format
	tagPepper = "v2$"                // the same with a pepper, whose id and another $ come before bcrypt's own format
	label     = "signet password v1" // fixed, so that a hash moved to another product's database fits nothing there
)

// Options of New.
type Options struct {
	MinLength int           // code points; 12
	Cost      int           // bcrypt's; 10. bcrypt.MinCost in tests only
	Workers   int           // hashes at once, more where others slow them; max(1, cores - 1)
	Queue     time.Duration // how long one waits for a worker; 10 s, in which one core hashes a hundred
	Own       []string      // names of the product and hosts of the issuer, which are no passwords
	// Peppers are secret keys of 32 bytes, one of which a hash may need beside the password. All verify; the first is used for
	// new hashes if Pepper is set.
	Peppers [][]byte
	Pepper  bool
	Lists   []List // of breached passwords, asked in this order
}

// Hasher checks, hashes and verifies passwords.
type Hasher struct {
	minLength int
	cost      int
	queue     time.Duration
	own       []string
	peppers   map[string][]byte // by id
	current   string            // id of the pepper of new hashes; "" = none
	lists     []List
	dummy     []byte // compared where there is no hash
	workers   *turns.Queue
	pace      *pace
	heavy     chan struct{} // held by the one imported hash that may take much memory
	runs      atomic.Int64
}

// New checks the options.
func New(o Options) (*Hasher, error) {
	h := &Hasher{
		minLength: cmp.Or(o.MinLength, 12), cost: cmp.Or(o.Cost, bcrypt.DefaultCost),
		queue: cmp.Or(o.Queue, 10*time.Second), own: parts(o.Own), lists: o.Lists,
		peppers: map[string][]byte{}, heavy: make(chan struct{}, 1),
	}
	if h.minLength < 8 {
		return nil, errors.New("passwords must have 8 code points or more")
	}
	if h.cost < bcrypt.MinCost || h.cost > bcrypt.MaxCost {
		return nil, fmt.Errorf("bcrypt cost must be %d to %d", bcrypt.MinCost, bcrypt.MaxCost)
	}
	// A hash of nothing: its salt and digest are filler in bcrypt's alphabet, so that starting costs no hash.
	h.dummy = fmt.Appendf(nil, "$2a$%02d$%s%s", h.cost, strings.Repeat(".", 22), strings.Repeat("u", 31))
	for i, key := range o.Peppers {
		if len(key) != sha256.Size {
			return nil, errors.New("a pepper must have 32 bytes")
		}
		id := PepperID(key)
		h.peppers[id] = key
		if i == 0 && o.Pepper {
			h.current = id
		}
	}
	if o.Pepper && h.current == "" {
		return nil, errors.New("there is no pepper to use")
	}
	h.pace = newPace(cmp.Or(o.Workers, max(1, runtime.GOMAXPROCS(0)-1)))
	h.workers = turns.New(h.pace.places, mostWaiting, h.queue)
	return h, nil
}

// MinLength of a new password, in code points.
func (h *Hasher) MinLength() int { return h.minLength }

// Runs is how many hashes were computed so far.
func (h *Hasher) Runs() int64 { return h.runs.Load() }

// PepperID names a pepper in kept hashes; it tells nothing about the key.
func PepperID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("id"))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// prepare makes what bcrypt sees of a password; key nil = no pepper.
func prepare(key []byte, password string) []byte {
	if key == nil {
		key = []byte(label)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(norm.NFC.String(password)))
	return base64.RawURLEncoding.AppendEncode(nil, mac.Sum(nil))
}

// Hash returns the form in which a password is kept. It does not check the rules: see Check. ErrTooLong, ErrBusy.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxBytes {
		return "", ErrTooLong
	}
	var hash []byte
	err := h.work(ctx, h.cost, func() (err error) {
		hash, err = bcrypt.GenerateFromPassword(prepare(h.peppers[h.current], password), h.cost)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	if h.current != "" {
		return tagPepper + h.current + "$" + string(hash), nil
	}
	return tag + string(hash), nil
}

// read takes a kept form apart: the pepper's id ("" = none) and bcrypt's own format; known reports whether it is one of ours.
func (h *Hasher) read(kept string) (pepper, hash string, known bool) {
	if hash, known = strings.CutPrefix(kept, tag); known {
		return "", hash, true
	}
	rest, peppered := strings.CutPrefix(kept, tagPepper)
	pepper, hash, known = strings.Cut(rest, "$")
	return pepper, hash, known && peppered && h.peppers[pepper] != nil
}

// Verify compares a password with what is kept, at the cost of one hash in every case: kept "" (no such account, no
// password, disabled), of a form we do not know, and a password too long to be anyone's never match. An imported hash costs
// its own work beside. stale tells that a right password is kept at a lower cost than is asked for today, with another
// pepper, or as it was imported, and wants hashing again. ErrBusy.
func (h *Hasher) Verify(ctx context.Context, kept, password string) (right, stale bool, err error) {
	if form, imported := strings.CutPrefix(kept, tagImported); imported && len(password) <= MaxBytes {
		right, err = h.verifyImported(ctx, form, password)
		return right, right, err
	}
	pepper, hash, known := h.read(kept)
	possible := known && len(password) <= MaxBytes
	against := []byte(hash)
	cost, costErr := bcrypt.Cost(against)
	if !possible || costErr != nil {
		possible, against, cost = false, h.dummy, h.cost
	}
	if len(password) > MaxBytes {
		password = ""
	}
	err = h.work(ctx, cost, func() error {
		right = bcrypt.CompareHashAndPassword(against, prepare(h.peppers[pepper], password)) == nil && possible
		return nil
	})
	if err != nil {
		return false, false, fmt.Errorf("verify password: %w", err)
	}
	return right, right && (cost < h.cost || pepper != h.current), nil
}

// Waiting is how many wait for the turn to have a password hashed.
func (h *Hasher) Waiting() int { return h.workers.Waiting() }

// mostWaiting is how many wait for a worker at once.
const mostWaiting = 128

// work runs one hash of a cost on a worker, when it is the turn of the network or the known browser that asks for it (rule V07).
// A cost other than that of new hashes says nothing of how fast hashes are.
func (h *Hasher) work(ctx context.Context, cost int, hash func() error) error {
	_, waited := tracing.Span(ctx, "wait to hash a password", "")
	leave, err := h.workers.Enter(ctx, caller(audit.OriginOf(ctx)))
	waited(err)
	if errors.Is(err, turns.ErrBusy) {
		return ErrBusy
	}
	if err != nil {
		return err
	}
	defer leave()
	h.runs.Add(1)
	_, hashed := tracing.Span(ctx, "hash a password", "")
	begun := time.Now()
	err = hash()
	hashed(nil) // a wrong password is no failure
	if cost == h.cost {
		h.workers.Resize(h.pace.done(time.Since(begun), h.workers.Taken()))
	}
	return err
}

func caller(o audit.Origin) turns.Caller {
	if o.KnownBrowser != "" {
		return turns.Caller{Key: o.KnownBrowser, Known: true}
	}
	return turns.Caller{Key: o.Network}
}

// enter waits for a place, as long as the queue lasts: ErrBusy.
func (h *Hasher) enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	leave = func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, nil
	default:
	}
	late := time.NewTimer(h.queue)
	defer late.Stop()
	select {
	case places <- struct{}{}:
		return leave, nil
	case <-late.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
