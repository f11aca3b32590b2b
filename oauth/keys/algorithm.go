package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// algorithm is one JWS algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1, or a kind of key that others encrypt to.
type algorithm struct {
	generate func(rsaBits int) (crypto.Signer, error)
	fits     func(crypto.Signer) bool // the key is of this algorithm's kind and strong enough
	size     func(crypto.PublicKey) int
	sign     func(key crypto.Signer, input []byte) ([]byte, error) // nil: the key signs nothing
	verify   func(key crypto.PublicKey, input, sig []byte) bool
}

var algorithms = map[string]*algorithm{
	ES256:     ecdsaAlgorithm(elliptic.P256(), digestOf),
	RS256:     rsaAlgorithm(signPKCS1, verifyPKCS1),
	PS256:     rsaAlgorithm(signPSS, verifyPSS),
	ES384:     ecdsaAlgorithm(elliptic.P384(), func(input []byte) []byte { d := sha512.Sum384(input); return d[:] }),
	ES512:     ecdsaAlgorithm(elliptic.P521(), func(input []byte) []byte { d := sha512.Sum512(input); return d[:] }),
	EdDSA:     edwards,
	ForRSA:    rsaAlgorithm(nil, nil),
	ForCurves: forCurves(),
}

// order is that of keys in the JWKS, behind those that every ring has: the ones that others encrypt to last, for who takes the first of a
// kind wants one that signs.
var order = []string{ES256, RS256, PS256, ES384, ES512, EdDSA, ForRSA, ForCurves}

// OnNeed are the algorithms whose keys are made when the first client wants one, and the kinds of keys to encrypt to.
func OnNeed() []string { return slices.Clone(order[2:]) }

func encrypts(alg string) bool { return alg == ForRSA || alg == ForCurves }

func rsaAlgorithm(sign func(crypto.Signer, []byte) ([]byte, error), verify func(crypto.PublicKey, []byte, []byte) bool) *algorithm {
	return &algorithm{
		generate: func(bits int) (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) },
		fits: func(k crypto.Signer) bool {
			r, ok := k.(*rsa.PrivateKey)
			return ok && r.N.BitLen() >= 2048
		},
		size: func(k crypto.PublicKey) int { return k.(*rsa.PublicKey).Size() },
		sign: sign, verify: verify,
	}
}

func signPKCS1(k crypto.Signer, input []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(rand.Reader, k.(*rsa.PrivateKey), crypto.SHA256, digestOf(input))
}

func verifyPKCS1(k crypto.PublicKey, input, sig []byte) bool {
	return rsa.VerifyPKCS1v15(k.(*rsa.PublicKey), crypto.SHA256, digestOf(input), sig) == nil
}

var pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256} // RFC 7518 section 3.5

func signPSS(k crypto.Signer, input []byte) ([]byte, error) {
	return rsa.SignPSS(rand.Reader, k.(*rsa.PrivateKey), crypto.SHA256, digestOf(input), pss)
}

func verifyPSS(k crypto.PublicKey, input, sig []byte) bool {
	return rsa.VerifyPSS(k.(*rsa.PublicKey), crypto.SHA256, digestOf(input), sig, pss) == nil
}

// edwards is EdDSA with the curve Ed25519.
var edwards = &algorithm{
	generate: func(int) (crypto.Signer, error) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	},
	fits: func(k crypto.Signer) bool { _, ok := k.(ed25519.PrivateKey); return ok },
	size: func(crypto.PublicKey) int { return ed25519.SignatureSize },
	sign: func(k crypto.Signer, input []byte) ([]byte, error) {
		return ed25519.Sign(k.(ed25519.PrivateKey), input), nil
	},
	verify: func(k crypto.PublicKey, input, sig []byte) bool {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.(ed25519.PublicKey), input, sig)
	},
}

func ecdsaAlgorithm(curve elliptic.Curve, digest func([]byte) []byte) *algorithm {
	width := (curve.Params().BitSize + 7) / 8 // bytes of r and of s
	return &algorithm{
		generate: func(int) (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) },
		fits: func(k crypto.Signer) bool {
			e, ok := k.(*ecdsa.PrivateKey)
			return ok && e.Curve == curve
		},
		size: func(crypto.PublicKey) int { return 2 * width },
		sign: func(k crypto.Signer, input []byte) ([]byte, error) {
			return signECDSA(k.(*ecdsa.PrivateKey), digest(input), width)
		},
		verify: func(k crypto.PublicKey, input, sig []byte) bool {
			if len(sig) != 2*width {
				return false
			}
			r, s := new(big.Int).SetBytes(sig[:width]), new(big.Int).SetBytes(sig[width:])
			return ecdsa.Verify(k.(*ecdsa.PublicKey), digest(input), r, s)
		},
	}
}

func forCurves() *algorithm {
	a := ecdsaAlgorithm(elliptic.P256(), nil)
	a.sign, a.verify = nil, nil
	return a
}

// signECDSA gives r and s at fixed width (RFC 7518 section 3.4).
func signECDSA(k *ecdsa.PrivateKey, digest []byte, width int) ([]byte, error) {
	der, err := ecdsa.SignASN1(rand.Reader, k, digest)
	if err != nil {
		return nil, err
	}
	var r, s []byte
	in, seq := cryptobyte.String(der), cryptobyte.String(nil)
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(&r) || !seq.ReadASN1Integer(&s) || len(r) > width || len(s) > width {
		return nil, errors.New("unreadable ECDSA signature")
	}
	sig := make([]byte, 2*width)
	copy(sig[width-len(r):], r)
	copy(sig[2*width-len(s):], s)
	return sig, nil
}

func digestOf(input []byte) []byte {
	d := sha256.Sum256(input)
	return d[:]
}
