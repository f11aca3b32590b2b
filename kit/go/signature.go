package kit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// jws is one in parts, before anything of it is known to be true.
type jws struct {
	head
	first     string // the header as it was sent
	input     string // what is signed
	payload   []byte
	signature []byte
}

// head is what is read of a JWS header. What else it says of keys (jku, x5c, x5u) is not even parsed.
type head struct {
	Alg  string          `json:"alg"`
	Type string          `json:"typ"`
	KID  string          `json:"kid"`
	JWK  json.RawMessage `json:"jwk"`  // of proofs alone
	Crit json.RawMessage `json:"crit"` // these three would change the meaning of the rest (RFC 7515 section 4.1, RFC 7797)
	B64  json.RawMessage `json:"b64"`
	Zip  json.RawMessage `json:"zip"`
}

// split reads the compact form of a JWS (RFC 7515 section 7.1), all but what the header says.
func split(compact string) (j jws, err error) {
	first, rest, _ := strings.Cut(compact, ".")
	second, third, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(third, ".") || !isToken68(compact) {
		return j, errors.New("not a JWS of three parts")
	}
	j.first, j.input = first, compact[:len(first)+1+len(second)]
	if j.payload, err = base64.RawURLEncoding.DecodeString(second); err == nil {
		j.signature, err = base64.RawURLEncoding.DecodeString(third)
	}
	return j, err
}

// readHead reads a JWS header.
func readHead(first string) (h head, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err == nil && (h.Alg == "" || h.Crit != nil || h.B64 != nil || h.Zip != nil) {
		err = errors.New("a header without alg, or with crit, b64 or zip")
	}
	return h, err
}

// opened verifies a JWS of the issuer, of the type, by the issuer's keys alone, and gives its payload.
func (a *API) opened(ctx context.Context, token, typ string) ([]byte, error) {
	j, err := split(token)
	known := false
	if err == nil {
		if j.head, known = a.heads.get(j.first); !known {
			j.head, err = readHead(j.first)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch said := strings.ToLower(j.Type); {
	case !slices.Contains(a.o.Algorithms, j.Alg):
		return nil, fmt.Errorf("%w: %.32q", ErrAlgorithm, j.Alg)
	case said != typ && said != "application/"+typ:
		return nil, fmt.Errorf("%w: typ is %.32q", ErrType, j.Type)
	case j.KID == "":
		return nil, fmt.Errorf("%w: the token names none", ErrKey)
	}
	key, err := a.keys.find(ctx, j.KID, j.Alg)
	if err != nil {
		return nil, err
	}
	if !j.signedBy(key) {
		return nil, ErrSignature
	}
	if !known { // and not before: only the issuer fills the memory
		a.heads.put(j.first, j.head, time.Now().Add(rememberKey))
	}
	return j.payload, nil
}

// signedBy verifies the signature (RFC 7518 sections 3.3 to 3.5, RFC 8037). The key fits the algorithm: see fits.
func (j jws) signedBy(key any) bool {
	if k, ok := key.(ed25519.PublicKey); ok {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(j.input), j.signature)
	}
	hash, sum := j.hash()
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		size := (k.Params().BitSize + 7) / 8
		if len(j.signature) != 2*size {
			return false
		}
		return ecdsa.VerifyASN1(k, sum, inDER(j.signature))
	case *rsa.PublicKey:
		if j.Alg[:2] == "PS" {
			return rsa.VerifyPSS(k, hash, sum, j.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, sum, j.signature) == nil
	}
	return false
}

// hash is that of what is signed, as the algorithm wants it.
func (j jws) hash() (crypto.Hash, []byte) {
	input := []byte(j.input)
	switch j.Alg[2:] {
	case "384":
		sum := sha512.Sum384(input)
		return crypto.SHA384, sum[:]
	case "512":
		sum := sha512.Sum512(input)
		return crypto.SHA512, sum[:]
	}
	sum := sha256.Sum256(input)
	return crypto.SHA256, sum[:]
}

// inDER writes the two numbers of an ECDSA signature (RFC 7518 section 3.4) as the two integers that crypto/ecdsa reads.
func inDER(signature []byte) []byte {
	out := make([]byte, 3, len(signature)+9)
	for integer := range slices.Chunk(signature, len(signature)/2) {
		for len(integer) > 1 && integer[0] == 0 {
			integer = integer[1:]
		}
		sign := integer[0] >> 7 // one whose first bit is set would be negative
		out = append(append(out, 2, byte(len(integer))+sign), make([]byte, sign)...)
		out = append(out, integer...)
	}
	out[0], out[1], out[2] = 0x30, 0x81, byte(len(out)-3)
	if out[2] < 0x80 { // the short form of the length
		out = out[1:]
		out[0], out[1] = 0x30, byte(len(out)-2)
	}
	return out
}
