package kit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha512" // of the algorithms with 384 and 512
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// head is what is read of a JWS header. What else it says of keys (jwk, jku, x5c, x5u) is not even parsed.
type head struct {
	Alg  string          `json:"alg"`
	Type string          `json:"typ"`
	KID  string          `json:"kid"`
	Crit json.RawMessage `json:"crit"` // these three would change the meaning of the rest (RFC 7515 section 4.1, RFC 7797)
	B64  json.RawMessage `json:"b64"`
	Zip  json.RawMessage `json:"zip"`
}

// opened verifies a JWS of the issuer, of the type, by the issuer's keys alone, and gives its payload.
func (a *API) opened(ctx context.Context, token, typ string) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !isToken68(token) {
		return nil, fmt.Errorf("%w: not a JWS of three parts", ErrMalformed)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	var h head
	if err := json.Unmarshal(raw[0], &h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	switch said := strings.ToLower(h.Type); {
	case h.Alg == "" || h.Crit != nil || h.B64 != nil || h.Zip != nil:
		return nil, fmt.Errorf("%w: a header without alg, or with crit, b64 or zip", ErrMalformed)
	case !slices.Contains(a.algorithms, jose.SignatureAlgorithm(h.Alg)):
		return nil, fmt.Errorf("%w: %.32q", ErrAlgorithm, h.Alg)
	case said != typ && said != "application/"+typ:
		return nil, fmt.Errorf("%w: typ is %.32q", ErrType, h.Type)
	case h.KID == "":
		return nil, fmt.Errorf("%w: the token names none", ErrKey)
	}
	key, err := a.keys.find(ctx, h.KID, h.Alg)
	if err != nil {
		return nil, err
	}
	if !signed(key, h.Alg, token[:strings.LastIndexByte(token, '.')], raw[2]) {
		return nil, ErrSignature
	}
	return raw[1], nil
}

// signed verifies a signature (RFC 7518 sections 3.3 to 3.5, RFC 8037). The key fits the algorithm: see fits.
func signed(key any, alg, input string, signature []byte) bool {
	if k, ok := key.(ed25519.PublicKey); ok {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(input), signature)
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	h := hash.New()
	h.Write([]byte(input))
	sum := h.Sum(nil)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		size := (k.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		return ecdsa.Verify(k, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	case *rsa.PublicKey:
		if alg[:2] == "PS" {
			return rsa.VerifyPSS(k, hash, sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, sum, signature) == nil
	}
	return false
}
