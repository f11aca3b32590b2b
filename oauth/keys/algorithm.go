package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// algorithm is one JWS algorithm of RFC 7518 section 3.1; both of ours hash with SHA-256.
type algorithm struct {
	generate func(rsaBits int) (crypto.Signer, error)
	fits     func(crypto.Signer) bool // the key is of this algorithm's kind and strong enough
	size     func(crypto.PublicKey) int
	sign     func(key crypto.Signer, digest []byte) ([]byte, error)
	verify   func(key crypto.PublicKey, digest, sig []byte) bool
}

var algorithms = map[string]*algorithm{
	ES256: {
		generate: func(int) (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		fits: func(k crypto.Signer) bool {
			e, ok := k.(*ecdsa.PrivateKey)
			return ok && e.Curve == elliptic.P256()
		},
		size:   func(crypto.PublicKey) int { return 2 * p256Size },
		sign:   signES256,
		verify: verifyES256,
	},
	RS256: {
		generate: func(bits int) (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) },
		fits: func(k crypto.Signer) bool {
			r, ok := k.(*rsa.PrivateKey)
			return ok && r.N.BitLen() >= 2048
		},
		size: func(k crypto.PublicKey) int { return k.(*rsa.PublicKey).Size() },
		sign: func(k crypto.Signer, digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, k.(*rsa.PrivateKey), crypto.SHA256, digest)
		},
		verify: func(k crypto.PublicKey, digest, sig []byte) bool {
			return rsa.VerifyPKCS1v15(k.(*rsa.PublicKey), crypto.SHA256, digest, sig) == nil
		},
	},
}

const p256Size = 32 // bytes of r and of s

// signES256 gives r and s at fixed width (RFC 7518 section 3.4).
func signES256(k crypto.Signer, digest []byte) ([]byte, error) {
	der, err := ecdsa.SignASN1(rand.Reader, k.(*ecdsa.PrivateKey), digest)
	if err != nil {
		return nil, err
	}
	var r, s []byte
	in, seq := cryptobyte.String(der), cryptobyte.String(nil)
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(&r) || !seq.ReadASN1Integer(&s) ||
		len(r) > p256Size || len(s) > p256Size {
		return nil, errors.New("unreadable ECDSA signature")
	}
	sig := make([]byte, 2*p256Size)
	copy(sig[p256Size-len(r):], r)
	copy(sig[2*p256Size-len(s):], s)
	return sig, nil
}

func verifyES256(k crypto.PublicKey, digest, sig []byte) bool {
	if len(sig) != 2*p256Size {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:p256Size]), new(big.Int).SetBytes(sig[p256Size:])
	return ecdsa.Verify(k.(*ecdsa.PublicKey), digest, r, s)
}

func digestOf(input []byte) []byte {
	d := sha256.Sum256(input)
	return d[:]
}
