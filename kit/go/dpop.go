package kit

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// DPoP says how proofs of possession are taken (RFC 9449). Zero: they are, once each in this process, without nonces.
type DPoP struct {
	// Required refuses tokens that are bound to no key.
	Required bool
	// MaxAge of a proof (60 s).
	MaxAge time.Duration
	// Replay remembers proofs, for all replicas of the API together. Nil: in memory, for this process alone.
	Replay Replay
	// NonceKeys make nonces, which are the same for all replicas that have the keys: the first makes them, all are taken. None: no nonces.
	// Each has 32 bytes at least.
	NonceKeys [][]byte
}

// Replay remembers what may happen once.
type Replay interface {
	// Once reports whether the key is new, and remembers it until then. Of several callers at a time one gets true.
	Once(ctx context.Context, key string, until time.Time) (bool, error)
}

const (
	maxProof = 8 << 10
	maxJTI   = 256
	maxHTU   = 2048
	window   = 2 * time.Minute // of a nonce; the one before and the one after are taken, too
)

var proofAlgorithms = []string{"ES256", "ES384", "ES512", "PS256", "RS256", "EdDSA"}

func (d DPoP) check() error {
	for _, key := range d.NonceKeys {
		if len(key) < 32 {
			return errors.New("DPoP.NonceKeys: a key has less than 32 bytes")
		}
	}
	if d.MaxAge < 0 || d.MaxAge > 10*time.Minute {
		return errors.New("DPoP.MaxAge must be ten minutes at most")
	}
	return nil
}

// bound checks that the request comes from whom the token is bound to; it gives a newer nonce for the client, if it needs one.
func (a *API) bound(r *http.Request, c credentials, t *Token) (nonce string, err error) {
	switch {
	case t.JKT != "" && !c.dpop:
		return "", fmt.Errorf("%w: the token is bound to a key and came as Bearer", ErrBinding)
	case t.JKT == "" && c.dpop:
		return "", fmt.Errorf("%w: the token is bound to no key and came as DPoP", ErrBinding)
	}
	if t.X5T != "" {
		if err := a.certified(r, t.X5T); err != nil {
			return "", err
		}
	}
	if t.JKT == "" {
		return "", nil
	}
	return a.proven(r, c, t.JKT)
}

// payload is what is read of a proof's claims (RFC 9449 section 4.2).
type payload struct {
	JTI   string   `json:"jti"`
	HTM   string   `json:"htm"`
	HTU   string   `json:"htu"`
	IAT   *float64 `json:"iat"`
	EXP   *float64 `json:"exp"`
	NBF   *float64 `json:"nbf"`
	ATH   string   `json:"ath"`
	Nonce string   `json:"nonce"`
}

// proven checks the request's proof (RFC 9449 section 4.3), and remembers it once all else is in order.
func (a *API) proven(r *http.Request, c credentials, jkt string) (nonce string, err error) {
	sent := r.Header["Dpop"]
	if len(sent) != 1 {
		return "", fmt.Errorf("%w: %d DPoP headers", ErrProof, len(sent))
	}
	key, p, err := a.readProof(sent[0])
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrProof, err)
	}
	if key.thumb != jkt {
		return "", fmt.Errorf("%w: the proof is of another key than the token", ErrBinding)
	}
	if !key.known { // and not before: nobody without a token fills the memory
		key.known = true
		a.proofKeys.put(key.sent, key, time.Now().Add(rememberKey))
	}
	age, now := or(a.o.DPoP.MaxAge, time.Minute), time.Now()
	switch {
	case p.JTI == "" || len(p.JTI) > maxJTI:
		err = fmt.Errorf("%w: jti has %d bytes", ErrProof, len(p.JTI))
	case p.HTM != r.Method:
		err = fmt.Errorf("%w: htm is %.32q", ErrProof, p.HTM)
	case !madeFor(p.HTU, a.address(r)):
		err = fmt.Errorf("%w: htu is %.200q, not %.200q", ErrProof, p.HTU, a.address(r))
	case p.ATH != base64.RawURLEncoding.EncodeToString(c.hash[:]):
		err = fmt.Errorf("%w: ath is not the hash of the token", ErrProof)
	case p.IAT == nil || *p.IAT < float64(now.Add(-age).Unix()) || *p.IAT > float64(now.Add(a.o.Ahead).Unix()):
		err = fmt.Errorf("%w: iat is too far from now", ErrProof)
	case p.EXP != nil && *p.EXP <= float64(now.Unix()), p.NBF != nil && *p.NBF > float64(now.Add(a.o.Ahead).Unix()):
		err = fmt.Errorf("%w: not valid at this time", ErrProof)
	}
	if err != nil {
		return "", err
	}
	if nonce, err = a.o.DPoP.judge(p.Nonce, now); err != nil {
		return "", err
	}
	once := sha256.Sum256([]byte(jkt + "\x00" + p.JTI))
	until := now.Add(age + 2*a.o.Ahead)
	fresh, err := a.o.DPoP.Replay.Once(r.Context(), base64.RawURLEncoding.EncodeToString(once[:]), until)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: remember the proof: %w", ErrUnavailable, err)
	case !fresh:
		return "", ErrReplay
	}
	return nonce, nil
}

// rememberKey is how long the key of a client is not read again. Each proof is verified with it all the same.
const rememberKey = time.Hour

// proofKey is the key of a proof, read.
type proofKey struct {
	head
	sent  string // the header as the proof has it
	key   jose.JSONWebKey
	thumb string
	known bool // it is remembered
}

// readProof checks form and signature, and gives the proof's key.
func (a *API) readProof(compact string) (key proofKey, p payload, err error) {
	if len(compact) > maxProof {
		return key, p, errors.New("the proof is too long")
	}
	j, err := split(compact)
	if err == nil {
		key, err = a.proofKey(j.first)
		j.head = key.head
	}
	switch {
	case err != nil:
		return key, p, err
	case j.Type != "dpop+jwt":
		return key, p, fmt.Errorf("typ of the proof is %.32q", j.Type)
	case !slices.Contains(proofAlgorithms, j.Alg):
		return key, p, fmt.Errorf("alg of the proof is %.32q", j.Alg)
	}
	if !fits(key.key, j.Alg) {
		return key, p, errors.New("jwk of the proof does not fit alg")
	}
	if !j.signedBy(key.key.Key) {
		return key, p, errors.New("the proof has a wrong signature")
	}
	if p.plainly(j.payload) {
		return key, p, nil
	}
	p = payload{}
	return key, p, json.Unmarshal(j.payload, &p)
}

// proofKey reads the header of a proof and the key in it, or remembers them.
func (a *API) proofKey(sent string) (key proofKey, err error) {
	if key, ok := a.proofKeys.get(sent); ok {
		return key, nil
	}
	key.sent = sent
	if key.head, err = readHead(sent); err != nil {
		return key, err
	}
	if err := json.Unmarshal(key.JWK, &key.key); err != nil || !key.key.IsPublic() || !key.key.Valid() {
		return key, errors.New("jwk of the proof is not a public key")
	}
	// Anybody can send one: a key with a large exponent takes long to verify with.
	if k, ok := key.key.Key.(*rsa.PublicKey); ok && (k.E > 65537 || k.N.BitLen() > 4096) {
		return key, errors.New("jwk of the proof does not fit alg")
	}
	sum, err := key.key.Thumbprint(crypto.SHA256)
	key.thumb = base64.RawURLEncoding.EncodeToString(sum)
	return key, err
}

// address is what a proof for the request is made for: the base URL and the path as it came, whatever a router did to it since.
func (a *API) address(r *http.Request) string {
	path := r.URL.EscapedPath()
	if sent, _, _ := strings.Cut(r.RequestURI, "?"); sent != path && sent != "" {
		path = r.RequestURI
		if u, err := url.ParseRequestURI(path); err == nil {
			path = u.EscapedPath()
		}
	}
	return a.reached + path
}

func madeFor(htu, target string) bool {
	if htu == target && len(htu) <= maxHTU { // as almost always
		return true
	}
	sent, ok := normal(htu)
	want, _ := normal(target)
	return ok && sent == want
}

func (d DPoP) nonce() string {
	if len(d.NonceKeys) == 0 {
		return ""
	}
	return makeNonce(d.NonceKeys[0], time.Now().Unix()/int64(window/time.Second))
}

// makeNonce is a MAC over the number of a window: every replica that has the key knows it, and nothing is stored.
func makeNonce(key []byte, number int64) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(number)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// judge checks a nonce, and gives a newer one in its place if it is about to end.
func (d DPoP) judge(nonce string, now time.Time) (next string, err error) {
	if len(d.NonceKeys) == 0 {
		return "", nil
	}
	number, current := now.Unix()/int64(window/time.Second), d.nonce()
	for _, key := range d.NonceKeys {
		for ahead := int64(-1); ahead <= 1; ahead++ {
			if hmac.Equal([]byte(makeNonce(key, number+ahead)), []byte(nonce)) {
				if nonce == current {
					current = ""
				}
				return current, nil
			}
		}
	}
	return "", ErrNonce
}
