package kit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
)

// TestSignaturesAsIntegers: what we hand over decides as the standard library does of the two integers, for every curve, also where an
// integer is short, has its first bit set, or is none that a signature may have.
func TestSignaturesAsIntegers(t *testing.T) {
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		size := (curve.Params().BitSize + 7) / 8
		judge := func(r, s *big.Int, want bool) {
			t.Helper()
			j := jws{head: head{Alg: alg}, input: "a.b", signature: append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)}
			_, sum := j.hash()
			if got := j.signedBy(&key.PublicKey); got != want || ecdsa.Verify(&key.PublicKey, sum, r, s) != want {
				t.Errorf("%s: %x %x is %t", alg, r, s, got)
			}
		}
		_, sum := jws{head: head{Alg: alg}, input: "a.b"}.hash()
		short, set := false, false
		for i := 0; i < 2000 && !(short && set && i > 20); i++ {
			r, s, err := ecdsa.Sign(rand.Reader, key, sum)
			if err != nil {
				t.Fatal(err)
			}
			if i < 20 || len(r.Bytes()) < size || len(s.Bytes()) < size {
				judge(r, s, true)
				judge(s, r, false)
			}
			short = short || len(r.Bytes()) < size || curve == elliptic.P521()
			set = set || r.Bytes()[0] >= 0x80 || curve == elliptic.P521()
		}
		zero, n, one := new(big.Int), curve.Params().N, big.NewInt(1)
		for _, pair := range [][2]*big.Int{{zero, zero}, {zero, one}, {one, zero}, {n, n}, {one, n}, {one, one}} {
			judge(pair[0], pair[1], false)
		}
	}
}

// TestHeadersAreRemembered: a header that a good token had is not read again, and saves a token nothing else; one whose token was not the
// issuer's is not kept.
func TestHeadersAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		good := w.now(nil)
		first, rest, _ := strings.Cut(good, ".")
		claims, _, _ := strings.Cut(rest, ".")
		forged := first + "." + claims + "." + b64(make([]byte, 64))
		if err := w.verify(forged); !errors.Is(err, ErrSignature) || len(w.api.heads.young) != 0 {
			t.Errorf("%v, %d are remembered", err, len(w.api.heads.young))
		}
		for range 2 {
			if err := w.verify(w.now(nil)); err != nil || len(w.api.heads.young) != 1 {
				t.Errorf("%v, %d are remembered", err, len(w.api.heads.young))
			}
		}
		if err := w.verify(forged); !errors.Is(err, ErrSignature) {
			t.Errorf("a wrong signature, of a header that is remembered: %v", err)
		}
		_, late, _ := strings.Cut(w.now(body{"exp": 1}), ".")
		if err := w.verify(first + "." + late); !errors.Is(err, ErrExpired) {
			t.Errorf("an old token, of a header that is remembered: %v", err)
		}
	})
}
