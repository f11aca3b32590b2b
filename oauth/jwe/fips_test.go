package jwe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/algs"
	"signet/oauth/jwe"
)

// TestOnlyTheFIPSModule: what Go's module has is encrypted, everything else is an error, and nothing a panic.
func TestOnlyTheFIPSModule(t *testing.T) {
	if !fips140.Enforced() {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOnlyTheFIPSModule$")
		again.Env = append(os.Environ(), "GODEBUG=fips140=only")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range algs.Keys {
		var public any = &e.PublicKey
		if key == "RSA-OAEP" || key == "RSA-OAEP-256" {
			public = &r.PublicKey
		}
		app := &clients.Client{}
		app.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Use: "enc"}}}
		for _, content := range algs.Contents {
			_, err := jwe.Seal(t.Context(), nil, app, algs.Encryption{Key: key, Content: content}, []byte("{}"), false)
			good := key != "RSA-OAEP" && content != "A128GCM" && content != "A192GCM" && content != "A256GCM"
			if good && err != nil || !good && !errors.Is(err, jwe.ErrFIPS) {
				t.Errorf("%s, %s: %v", key, content, err)
			}
		}
	}
}
