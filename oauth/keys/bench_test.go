package keys_test

import (
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
)

func BenchmarkSign(b *testing.B) {
	r := keystest.Ring(b, keys.ES256, keys.RS256)
	for _, alg := range r.Algs() {
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Sign(alg, keys.TypAccess, claims{"ada"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("refresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.SignRefresh(claims{"ada"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := keystest.Ring(b, keys.ES256, keys.RS256)
	for _, alg := range r.Algs() {
		token, _ := r.Sign(alg, keys.TypAccess, claims{"ada"})
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Verify(token, keys.TypAccess, &claims{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"-go-jose", func(b *testing.B) { // what it would cost with the library
			b.ReportAllocs()
			set := publicKeys(b, r)
			for b.Loop() {
				sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := sig.Verify(set.Key(sig.Signatures[0].Protected.KeyID)[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
