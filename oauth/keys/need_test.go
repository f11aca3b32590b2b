package keys_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/storage/storagetest"
)

func TestSignaturesOfEveryAlgorithmAreReadByOthers(t *testing.T) { // RFC 7518 sections 3.4, 3.5, RFC 8037 section 3.1
	r := keystest.Ring(t, keys.PS256, keys.ES384, keys.ES512, keys.EdDSA)
	set := publicKeys(t, r)
	for _, alg := range r.Algs() {
		token, err := r.Sign(alg, keys.TypID, claims{"ada"})
		if err != nil {
			t.Fatal(err)
		}
		sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := sig.Verify(set.Key(headerOf(t, token).Kid)[0]); err != nil || string(payload) != `{"sub":"ada"}` {
			t.Errorf("%s: %s, %v", alg, payload, err)
		}
		var got claims
		if err := r.Verify(token, keys.TypID, &got); err != nil || got.Sub != "ada" {
			t.Errorf("%s: %v, %v", alg, got, err)
		}
		if err := r.Verify(token, keys.TypAccess, &got); !errors.Is(err, keys.ErrType) {
			t.Errorf("%s: as an access token: %v", alg, err)
		}
		last := token[len(token)-8:]
		if err := r.Verify(token[:len(token)-8]+"AAAAAAAA", keys.TypID, &got); last != "AAAAAAAA" && err == nil {
			t.Errorf("%s: a changed signature is accepted", alg)
		}
	}
}

// The first key of an algorithm is published before it signs, in every replica, and is kept by the timetable like the others.
func TestNeed_AKeyIsPublishedBeforeItSigns(t *testing.T) { // rule K11
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		o := options(t, db)
		o.OnNeed = keys.OnNeed()
		one, two := keystest.Open(t, o), keystest.Open(t, o)
		if want := []string{keys.ES256, keys.PS256, keys.ES384, keys.ES512, keys.EdDSA}; !slices.Equal(one.Algs(), want) {
			t.Errorf("offered: %v", one.Algs())
		}
		if _, err := one.Sign(keys.EdDSA, keys.TypID, claims{}); !errors.Is(err, keys.ErrNoKey) || one.Signs(keys.EdDSA) {
			t.Errorf("signs before it is needed: %v", err)
		}
		for _, r := range []*keys.Ring{one, two, one} {
			if err := r.Need(t.Context(), keys.EdDSA); err != nil {
				t.Fatal(err)
			}
		}
		if len(publicKeys(t, one).Keys) != 2 || one.Signs(keys.EdDSA) {
			t.Fatalf("published %d, signs %v", len(publicKeys(t, one).Keys), one.Signs(keys.EdDSA))
		}
		if err := one.Tick(t.Context(), time.Now()); err != nil { // not earlier by the timetable either
			t.Fatal(err)
		}
		if one.Signs(keys.EdDSA) || !slices.Equal(slices.Sorted(slices.Values(states(t, one))), []string{"active", "next"}) {
			t.Fatalf("signs before others have seen it: %v", states(t, one))
		}
		began := time.Now()
		if err := one.Await(t.Context(), keys.EdDSA); err != nil || time.Since(began) != 3*time.Second {
			t.Fatalf("waited %s: %v", time.Since(began), err)
		}
		token, err := one.Sign(keys.EdDSA, keys.TypID, claims{"ada"})
		if err != nil {
			t.Fatal(err)
		}
		if err := two.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := two.Verify(token, keys.TypID, &claims{}); err != nil {
			t.Errorf("another replica: %v", err)
		}
		if err := one.Tick(t.Context(), time.Now()); err != nil || !slices.Equal(states(t, one), []string{"active", "active"}) {
			t.Errorf("%v, %v", states(t, one), err)
		}
		time.Sleep(89 * 24 * time.Hour)
		if err := one.Tick(t.Context(), time.Now()); err != nil || len(states(t, one)) != 4 {
			t.Errorf("no next key: %v, %v", states(t, one), err)
		}
		if err := one.Need(t.Context(), "none"); !errors.Is(err, keys.ErrNoKey) {
			t.Errorf("none: %v", err)
		}
	})
}

func TestNeed_AReleaseThatDoesNotKnowThemSeesNoneOfThem(t *testing.T) {
	db := storagetest.SQLite(t)
	o := options(t, db)
	r := keystest.Open(t, o)
	if err := r.Need(t.Context(), keys.OnNeed()...); err != nil {
		t.Fatal(err)
	}
	list, err := db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]int{}
	for _, k := range list {
		tables[k.Table()]++
	}
	if tables["keys"] != 2 || tables["further_keys"] != 6 { // ES256, the epoch
		t.Errorf("%v", tables)
	}
}

func TestNeed_KeysToEncryptToSignNothing(t *testing.T) { // RFC 7517 section 4.2
	store := &keystest.Store{}
	r := keystest.Open(t, keys.Options{Store: store, Locks: store, Master: keystest.Master(t), Algs: []string{keys.ES256},
		Needed: []string{keys.ForRSA, keys.ForCurves}})
	body, _ := r.JWKS()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 3 || set.Keys[0]["use"] != "sig" || set.Keys[1]["use"] != "enc" || set.Keys[2]["use"] != "enc" ||
		set.Keys[1]["alg"] != nil || set.Keys[1]["d"] != nil || set.Keys[2]["d"] != nil {
		t.Fatalf("%s", body)
	}
	for _, alg := range []string{keys.ForRSA, keys.ForCurves} {
		if _, err := r.Sign(alg, keys.TypID, claims{}); !errors.Is(err, keys.ErrNoKey) {
			t.Errorf("%s signs: %v", alg, err)
		}
	}
}
