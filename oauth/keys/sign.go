package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Watch has f told the type of each token on the goroutine that signs it, before it does. Tests look there whether a transaction is open:
// signing takes a millisecond, in which nobody else could write to SQLite.
func (r *Ring) Watch(f func(typ string)) { r.watch.Store(&f) }

func (r *Ring) tell(typ string) {
	if f := r.watch.Load(); f != nil {
		(*f)(typ)
	}
}

// Sign makes a compact JWS of the claims with the key that is active for alg. A json.RawMessage, or a pointer to one, is signed as it
// stands.
// typ is one of TypAccess, TypID, TypLogout, TypIntrospection, TypStatus and TypIDJAG. ErrNoKey if no key signs with alg.
//
// It is by hand what go-jose does: the header was encoded when the key was read, the claims are marshalled once, and
// everything is written into one buffer.
func (r *Ring) Sign(alg, typ string, claims any) (string, error) {
	k := r.seen.Load().signer(alg)
	if k == nil {
		return "", fmt.Errorf("%w: %q", ErrNoKey, alg)
	}
	head, ok := k.headers[typ]
	if !ok {
		return "", fmt.Errorf("keys: no tokens of type %q are signed here", typ)
	}
	r.tell(typ)
	buf, err := signingInput(head, claims, k.alg.size(k.public.Key))
	if err != nil {
		return "", err
	}
	sig, err := k.alg.sign(k.private, buf)
	if err != nil {
		return "", fmt.Errorf("sign with %s: %w", alg, err)
	}
	return finish(buf, sig), nil
}

// SignRefresh makes a compact JWS of the claims with the current refresh key: HS256, typ rt+jwt. The same claims give the
// same bytes as long as the key is the same.
func (r *Ring) SignRefresh(claims any) (string, error) {
	r.tell(TypRefresh)
	e := r.seen.Load().refresh.current
	buf, err := signingInput(e.header, claims, sha256.Size)
	if err != nil {
		return "", err
	}
	return finish(buf, e.mac(buf)), nil
}

func (k refreshKey) mac(input []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write(input)
	return h.Sum(nil)
}

// signingInput is header and payload (RFC 7515 section 5.1) in a buffer with space for the signature.
func signingInput(head string, claims any, sigSize int) ([]byte, error) {
	var payload []byte
	switch c := claims.(type) {
	case json.RawMessage:
		payload = c
	case *json.RawMessage: // it need not be copied into an interface
		payload = *c
	default:
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			return nil, err
		}
	}
	size := len(head) + 1 + segment.EncodedLen(len(payload)) + 1 + segment.EncodedLen(sigSize)
	buf := make([]byte, 0, size)
	buf = append(append(buf, head...), '.')
	return segment.AppendEncode(buf, payload), nil
}

func finish(buf, sig []byte) string {
	return string(segment.AppendEncode(append(buf, '.'), sig))
}
