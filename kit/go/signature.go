package kit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha512" // of the algorithms with 384 and 512
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// jws is one in parts, before anything of it is known to be true.
type jws struct {
	head
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

// split reads the compact form of a JWS (RFC 7515 section 7.1).
func split(compact string) (j jws, err error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || !isToken68(compact) {
		return j, errors.New("not a JWS of three parts")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(raw, &j.head)
	}
	if err == nil {
		j.payload, err = base64.RawURLEncoding.DecodeString(parts[1])
	}
	if err == nil {
		j.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	}
	if err == nil && (j.Alg == "" || j.Crit != nil || j.B64 != nil || j.Zip != nil) {
		err = errors.New("a header without alg, or with crit, b64 or zip")
	}
	j.input = compact[:len(parts[0])+1+len(parts[1])]
	return j, err
}

// opened verifies a JWS of the issuer, of the type, by the issuer's keys alone, and gives its payload.
func (a *API) opened(ctx context.Context, token, typ string) ([]byte, error) {
	j, err := split(token)
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
	return j.payload, nil
}

// signedBy verifies the signature (RFC 7518 sections 3.3 to 3.5, RFC 8037). The key fits the algorithm: see fits.
func (j jws) signedBy(key any) bool {
	if k, ok := key.(ed25519.PublicKey); ok {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(j.input), j.signature)
	}
	hash := crypto.SHA256
	switch j.Alg[2:] {
	case "384":
		hash = crypto.SHA384
	case "512":
		hash = crypto.SHA512
	}
	h := hash.New()
	h.Write([]byte(j.input))
	sum := h.Sum(nil)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		size := (k.Params().BitSize + 7) / 8
		if len(j.signature) != 2*size {
			return false
		}
		return ecdsa.Verify(k, sum, new(big.Int).SetBytes(j.signature[:size]), new(big.Int).SetBytes(j.signature[size:]))
	case *rsa.PublicKey:
		if j.Alg[:2] == "PS" {
			return rsa.VerifyPSS(k, hash, sum, j.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, sum, j.signature) == nil
	}
	return false
}
