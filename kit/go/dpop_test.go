package kit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// bound is a token that is bound to the client's key.
func (w *world) bound() string { return w.now(body{"cnf": body{"jkt": w.thumbprint("client")}}) }

func TestOneProofOneWinner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &proofs{} // two replicas, one memory
		w, other := newWorld(t, Options{DPoP: DPoP{Replay: shared}}), newWorld(t, Options{DPoP: DPoP{Replay: shared}})
		token := w.bound()
		r := withProof(token, w.proof(token, body{"iat": time.Now().Unix()}))
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for i := range 50 {
			api := []*API{w.api, other.api}[i%2]
			wg.Go(func() {
				switch _, err := api.Verify(r.request(t)); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, ErrReplay):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 49 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
	})
}

// A proof is remembered as long as it could be taken, and no longer.
func TestProofsAreRememberedLongEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		for ahead := range 31 { // wherever in a slot of the memory it falls
			token := w.bound()
			r := withProof(token, w.proof(token, body{"iat": time.Now().Unix() + int64(ahead), "jti": fmt.Sprint(ahead)}))
			if _, err := w.api.Verify(r.request(t)); err != nil {
				t.Fatal(err)
			}
			for range 95 {
				time.Sleep(time.Second)
				if _, err := w.api.Verify(r.request(t)); !errors.Is(err, ErrReplay) && !errors.Is(err, ErrProof) {
					t.Fatalf("%d seconds ahead: %v", ahead, err)
				}
			}
		}
		time.Sleep(10 * time.Minute)
		memory := w.api.o.DPoP.Replay.(*proofs)
		if fresh, err := memory.Once(t.Context(), "one more", time.Now()); !fresh || err != nil || memory.n != 1 {
			t.Errorf("%v %v, %d are remembered", fresh, err, memory.n)
		}
	})
}

// Whoever floods the memory makes it forget nothing.
func TestProofsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{}
		until := time.Now().Add(time.Minute)
		if fresh, err := p.Once(t.Context(), "first", until); !fresh || err != nil {
			t.Fatal(err)
		}
		p.n = mostProofs
		if _, err := p.Once(t.Context(), "second", until); err == nil {
			t.Error("taken beyond the bound")
		}
		if fresh, err := p.Once(t.Context(), "first", until); fresh || err != nil {
			t.Errorf("forgotten: %v %v", fresh, err)
		}
	})
}

type brokenMemory struct{}

func (brokenMemory) Once(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("no database")
}

func TestNoMemoryOfProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{DPoP: DPoP{Replay: brokenMemory{}}})
		token := w.bound()
		got := httptest.NewRecorder()
		w.api.Require()(http.NotFoundHandler()).ServeHTTP(got, withProof(token, w.proof(token, body{"iat": time.Now().Unix()})).request(t))
		if got.Code != http.StatusServiceUnavailable || strings.Contains(got.Body.String(), "database") {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	})
}

// The path that counts is the one that came, whatever a router made of it.
func TestProofsAreForThePathThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		h := http.StripPrefix("/v1", w.api.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		for i, c := range []struct {
			url, htu string
			want     int
		}{
			{target, target, 200},
			{target, "https://api.example/notes", 401},
			{target + "?a=b", target, 200},
			{resource + "/a%2Fb", resource + "/a%2fb", 200},
			{resource + "/a%2Fb", resource + "/a/b", 401},
			{resource + "/%C3%A4", resource + "/ä", 200},
			{resource + "/x/../notes", target, 401},
		} {
			token := w.bound()
			r := withProof(token, w.proof(token, body{"iat": time.Now().Unix(), "htu": c.htu, "jti": fmt.Sprint(i)}))
			r.URL = c.url
			req := r.request(t)
			req.Host = "evil.example" // never counts
			got := httptest.NewRecorder()
			if h.ServeHTTP(got, req); got.Code != c.want {
				t.Errorf("%s with htu %s: %d %s", c.url, c.htu, got.Code, got.Body)
			}
		}
	})
}

// TestKeysOfProofsAreRemembered: once the token was theirs, and each proof is verified with them all the same.
func TestKeysOfProofsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		n := 0
		send := func(token, kid string, head header, spoil bool) error {
			n++
			k := w.keys[kid]
			proof := w.proofWith(kid, k.Algorithm, token, head, body{"iat": time.Now().Unix(), "jti": fmt.Sprint(n)})
			if spoil { // another signature of the same length
				_, other, _ := strings.Cut(w.proofWith(kid, k.Algorithm, token, head, body{"jti": "other"}), ".")
				proof = proof[:strings.LastIndex(proof, ".")] + other[strings.LastIndex(other, "."):]
			}
			_, err := w.api.Verify(withProof(token, proof).request(t))
			return err
		}
		token := w.bound()
		for range 3 { // strangers' keys fill no memory
			if err := send(token, "stranger", nil, false); !errors.Is(err, ErrBinding) {
				t.Error(err)
			}
		}
		if have := len(w.api.proofKeys.young); have != 0 {
			t.Errorf("%d keys are remembered", have)
		}
		if err := send(token, "client", nil, true); !errors.Is(err, ErrProof) || len(w.api.proofKeys.young) != 0 {
			t.Error(err)
		}
		for range 2 {
			if err := send(token, "client", nil, false); err != nil || len(w.api.proofKeys.young) != 1 {
				t.Errorf("%v, %d are remembered", err, len(w.api.proofKeys.young))
			}
		}
		if err := send(token, "client", nil, true); !errors.Is(err, ErrProof) {
			t.Errorf("a wrong signature, of a key that is remembered: %v", err)
		}
		if err := send(token, "client", header{"alg": "ES384"}, false); !errors.Is(err, ErrProof) {
			t.Errorf("another alg, of a key that is remembered: %v", err)
		}
		if err := send(w.now(body{"cnf": body{"jkt": w.thumbprint("stranger")}}), "client", nil, false); !errors.Is(err, ErrBinding) {
			t.Errorf("another's token, of a key that is remembered: %v", err)
		}
	})
}
