package keys

import (
	"crypto/hmac"
	"encoding/json"
	"strings"
)

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// Verify checks a token that Sign made, of exactly this typ, and decodes its claims into out. It does not judge time, issuer
// or audience.
//
// The first segment must be, byte for byte, one that we write ourselves for a key we hold and this typ. So nothing in a
// stranger's header is ever interpreted: no alg, crit, b64, zip, jku, x5u or jwk can say anything (RFC 8725 sections 3.1,
// 3.10, 3.11). Errors: ErrMalformed, ErrUnknownKey, ErrType, ErrSignature.
func (r *Ring) Verify(token, typ string, out any) error {
	return r.verify(token, typ, out, false)
}

// VerifyFresh is Verify without retired keys, of which only hints are taken.
func (r *Ring) VerifyFresh(token, typ string, out any) error { return r.verify(token, typ, out, true) }

func (r *Ring) verify(token, typ string, out any, fresh bool) error {
	s := r.seen.Load()
	t, err := cut(token)
	if err != nil {
		return err
	}
	h, ok := s.headers[t.header]
	switch {
	case !ok:
		return s.explain(t.header)
	case h.typ != typ:
		return ErrType
	case fresh && h.key.row.State == retired:
		return ErrUnknownKey
	}
	sig, err := segment.DecodeString(t.signature)
	if err != nil {
		return ErrMalformed
	}
	if !h.key.alg.verify(h.key.public.Key, []byte(t.input), sig) {
		return ErrSignature
	}
	return t.claims(out)
}

// VerifyRefresh checks a token that SignRefresh made and decodes its claims into out; errors as Verify.
func (r *Ring) VerifyRefresh(token string, out any) error {
	s := r.seen.Load()
	t, err := cut(token)
	if err != nil {
		return err
	}
	k, ok := s.refresh.accepted[t.header]
	if !ok {
		return s.explain(t.header)
	}
	sig, err := segment.DecodeString(t.signature)
	if err != nil {
		return ErrMalformed
	}
	if !hmac.Equal(sig, k.mac([]byte(t.input))) {
		return ErrSignature
	}
	return t.claims(out)
}

// pieces of a compact JWS.
type pieces struct{ header, payload, signature, input string }

// cut takes a token apart: three segments, base64url only, at most 16 KiB. (Go's decoder skips line breaks; we do not.)
func cut(token string) (pieces, error) {
	if len(token) > maxToken {
		return pieces{}, ErrMalformed
	}
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 1 || last < first+2 || last == len(token)-1 {
		return pieces{}, ErrMalformed
	}
	t := pieces{token[:first], token[first+1 : last], token[last+1:], token[:last]}
	for _, part := range []string{t.payload, t.signature} {
		for i := range len(part) {
			if !base64url[part[i]] {
				return pieces{}, ErrMalformed
			}
		}
	}
	return t, nil
}

var base64url = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		set[c] = true
	}
	return set
}()

func (t pieces) claims(out any) error {
	payload, err := segment.DecodeString(t.payload)
	if err != nil {
		return ErrMalformed
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return ErrMalformed
	}
	return nil
}

// explain names the reason why a header is none of ours; nothing is decided by it.
func (s *snapshot) explain(head string) error {
	raw, err := segment.DecodeString(head)
	if err != nil {
		return ErrMalformed
	}
	var h struct{ Alg, KID, Typ string }
	if json.Unmarshal(raw, &h) != nil || h.KID == "" {
		return ErrMalformed
	}
	if encodeHeader(h.Alg, h.KID, h.Typ) != head {
		return ErrMalformed
	}
	if k := s.keys[h.KID]; s.refresh.kids[h.KID] || k != nil && k.row.State != retired {
		return ErrType
	}
	return ErrUnknownKey
}
