package keys_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/storage"
	"signet/storage/storagetest"
)

func options(t *testing.T, db *storage.DB) keys.Options {
	t.Helper()
	return keys.Options{Store: db, Locks: db, Master: keystest.Master(t), Algs: []string{keys.ES256}, Schedule: 90 * 24 * time.Hour}
}

func signAs(t *testing.T, r *keys.Ring) (token, kid string) {
	t.Helper()
	token, err := r.Sign(keys.ES256, keys.TypAccess, claims{"ada"})
	if err != nil {
		t.Fatal(err)
	}
	return token, headerOf(t, token).Kid
}

// states is the ring in words, oldest key first.
func states(t *testing.T, r *keys.Ring) (list []string) {
	t.Helper()
	infos, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range infos {
		if k.Alg != keys.Refresh {
			list = append(list, k.State)
		}
	}
	return list
}

func published(t *testing.T, r *keys.Ring, kid string) bool {
	t.Helper()
	set := publicKeys(t, r)
	return len(set.Key(kid)) == 1
}

func TestK11_ScheduledRotation(t *testing.T) { // OpenID Connect Core section 10.1.1
	synctest.Test(t, func(t *testing.T) {
		r := keystest.Open(t, options(t, storagetest.SQLite(t)))
		tick := func(d time.Duration) {
			t.Helper()
			time.Sleep(d)
			if err := r.Tick(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		want := func(w ...string) {
			t.Helper()
			if got := states(t, r); !slices.Equal(got, w) {
				t.Fatalf("got %v, want %v", got, w)
			}
		}
		const day = 24 * time.Hour
		token, first := signAs(t, r)
		tick(88 * day)
		want("active")
		tick(day)
		want("active", "next")
		if set := publicKeys(t, r); len(set.Keys) != 2 || set.Keys[0].KeyID != first {
			t.Error("the next key must be published behind the signing one")
		}
		tick(day)
		want("retiring", "active")
		_, second := signAs(t, r)
		if second == first || !published(t, r, second) || !published(t, r, first) {
			t.Error("the new key signs, both are published")
		}
		if err := r.Verify(token, keys.TypAccess, &claims{}); err != nil {
			t.Errorf("token of the replaced key: %v", err)
		}
		id, err := r.Sign(keys.ES256, keys.TypID, claims{"ada"})
		if err != nil {
			t.Fatal(err)
		}
		tick(time.Hour)
		want("retiring", "active")
		tick(2 * time.Minute)
		want("retired", "active")
		if published(t, r, first) {
			t.Error("a retired key is still published")
		}
		if err := r.Verify(token, keys.TypAccess, &claims{}); !errors.Is(err, keys.ErrUnknownKey) {
			t.Errorf("access token of a retired key: got %v, want ErrUnknownKey", err)
		}
		if err := r.Verify(id, keys.TypID, &claims{}); err != nil {
			t.Error(err)
		}
		tick(31 * day)
		want("active")
	})
}

func TestK11_RetiredKeyStillProvesAnIDTokenHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keystest.Open(t, options(t, storagetest.SQLite(t)))
		hint, err := r.Sign(keys.ES256, keys.TypID, claims{"ada"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := r.Rotate(t.Context(), keys.ES256, false); err != nil {
			t.Fatal(err)
		}
		for _, d := range []time.Duration{time.Minute, 2 * time.Hour, 29 * 24 * time.Hour} {
			time.Sleep(d)
			if err := r.Tick(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := r.Verify(hint, keys.TypID, &claims{}); err != nil {
				t.Errorf("after %v: %v", d, err)
			}
		}
		if got := states(t, r); !slices.Equal(got, []string{"retired", "active"}) {
			t.Errorf("got %v", got)
		}
		time.Sleep(2 * 24 * time.Hour)
		if err := r.Tick(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(hint, keys.TypID, &claims{}); !errors.Is(err, keys.ErrUnknownKey) {
			t.Errorf("got %v, want ErrUnknownKey", err)
		}
	})
}

func TestK11_CommandedKeySignsOnceItWasPublishedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		r, other := keystest.Open(t, options(t, db)), keystest.Open(t, options(t, db))
		_, first := signAs(t, r)
		info, err := r.Rotate(t.Context(), keys.ES256, false)
		if err != nil {
			t.Fatal(err)
		}
		if info.State != "next" || time.Until(info.SignsFrom) != time.Minute {
			t.Errorf("got %+v", info)
		}
		time.Sleep(30 * time.Second)
		again, err := r.Rotate(t.Context(), keys.ES256, false)
		if err != nil || again.KID != info.KID || !again.SignsFrom.Equal(info.SignsFrom) {
			t.Errorf("rotating twice: got %+v, %v", again, err)
		}
		// The other replica reads the ring again: it publishes the key long before anybody signs with it.
		if err := other.Refresh(t.Context()); err != nil || !published(t, other, info.KID) {
			t.Errorf("not published at the other replica: %v", err)
		}
		if _, kid := signAs(t, other); kid != first {
			t.Error("signs too early")
		}
		time.Sleep(30 * time.Second)
		if err := other.Tick(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		token, kid := signAs(t, other)
		if kid != info.KID {
			t.Error("does not sign after its minute")
		}
		if err := r.Verify(token, keys.TypAccess, &claims{}); err != nil {
			t.Errorf("a replica that has not read the ring since refuses the new key's token: %v", err)
		}
	})
}

func TestK11_ScheduledNextIsHastenedByCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keystest.Open(t, options(t, storagetest.SQLite(t)))
		time.Sleep(89 * 24 * time.Hour)
		if err := r.Tick(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		info, err := r.Rotate(t.Context(), keys.ES256, false)
		if err != nil || info.State != "active" {
			t.Fatalf("a next key of ten minutes may sign at once: got %+v, %v", info, err)
		}
	})
}

func TestK11_EmergencyForgetsTheOldKeyAtOnce(t *testing.T) {
	db := storagetest.SQLite(t)
	r, other := keystest.Open(t, options(t, db)), keystest.Open(t, options(t, db))
	token, first := signAs(t, r)
	if _, err := r.Rotate(t.Context(), keys.ES256, false); err != nil {
		t.Fatal(err)
	}
	info, err := r.Rotate(t.Context(), keys.ES256, true)
	if err != nil || info.State != "active" {
		t.Fatalf("got %+v, %v", info, err)
	}
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ring := range []*keys.Ring{r, other} {
		if err := ring.Verify(token, keys.TypAccess, &claims{}); !errors.Is(err, keys.ErrUnknownKey) {
			t.Errorf("got %v, want ErrUnknownKey", err)
		}
		if published(t, ring, first) || len(publicKeys(t, ring).Keys) != 1 {
			t.Error("an old key is still published")
		}
		if _, kid := signAs(t, ring); kid != info.KID {
			t.Error("the new key does not sign")
		}
	}
}

func TestRetire(t *testing.T) {
	r := keystest.Open(t, options(t, storagetest.SQLite(t)))
	_, kid := signAs(t, r)
	if err := r.Retire(t.Context(), kid); !errors.Is(err, keys.ErrInUse) {
		t.Errorf("the signing key: got %v, want ErrInUse", err)
	}
	if err := r.Retire(t.Context(), "nosuch"); !errors.Is(err, keys.ErrUnknownKey) {
		t.Errorf("got %v, want ErrUnknownKey", err)
	}
	info, err := r.Rotate(t.Context(), keys.ES256, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(t.Context(), info.KID); err != nil || published(t, r, info.KID) {
		t.Errorf("the next key: %v", err)
	}
	if _, err := r.Rotate(t.Context(), "none", false); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
}

func TestRefreshEpochs(t *testing.T) {
	db := storagetest.SQLite(t)
	r, other := keystest.Open(t, options(t, db)), keystest.Open(t, options(t, db))
	one, err := r.SignRefresh(claims{"ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(t.Context(), keys.Refresh, false); err != nil {
		t.Fatal(err)
	}
	two, _ := r.SignRefresh(claims{"ada"})
	if one == two {
		t.Fatal("the new epoch signs as the old one did")
	}
	for name, ring := range map[string]*keys.Ring{"here": r, "at a replica that has not read the ring since": other} {
		for _, token := range []string{one, two} {
			if err := ring.VerifyRefresh(token, &claims{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := r.Retire(t.Context(), "refresh-2"); !errors.Is(err, keys.ErrInUse) {
		t.Errorf("the current epoch: got %v, want ErrInUse", err)
	}
	if _, err := r.RotateRefresh(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	three, _ := other.SignRefresh(claims{"ada"})
	for _, ring := range []*keys.Ring{r, other} {
		if ring.VerifyRefresh(one, &claims{}) == nil || ring.VerifyRefresh(two, &claims{}) == nil {
			t.Error("an emergency must end the older epochs")
		}
		if err := ring.VerifyRefresh(three, &claims{}); err != nil {
			t.Error(err)
		}
	}
}

func TestReplicasAgree(t *testing.T) { // rule K11
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		rings := make([]*keys.Ring, 4)
		var wg sync.WaitGroup
		for i := range rings { // all start at once on an empty database
			wg.Go(func() {
				r, err := keys.Open(t.Context(), options(t, db))
				if err != nil {
					t.Error(err)
				}
				rings[i] = r
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		agree(t, rings)
		for i, r := range rings { // rotations by each at once: one after the other, and nobody is left behind
			wg.Go(func() {
				if _, err := r.Rotate(t.Context(), keys.ES256, i%2 == 0); err != nil {
					t.Error(err)
				}
				if err := r.Tick(t.Context(), time.Now()); err != nil {
					t.Error(err)
				}
				if _, err := r.RotateRefresh(t.Context(), false); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, r := range rings {
			if err := r.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		agree(t, rings)
	})
}

// agree holds that one key signs, the same everywhere, and that each verifies what the others signed.
func agree(t *testing.T, rings []*keys.Ring) {
	t.Helper()
	_, kid := signAs(t, rings[0])
	body, _ := rings[0].JWKS()
	for _, r := range rings {
		var signing int
		for _, state := range states(t, r) {
			if state == "active" {
				signing++
			}
		}
		token, k := signAs(t, r)
		if signing != 1 || k != kid {
			t.Errorf("%d keys sign; replicas use %s and %s", signing, k, kid)
		}
		if other, _ := r.JWKS(); string(other) != string(body) {
			t.Error("replicas publish different keys")
		}
		refresh, err := r.SignRefresh(claims{"ada"})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range rings {
			if err := errors.Join(other.Verify(token, keys.TypAccess, &claims{}), other.VerifyRefresh(refresh, &claims{})); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestStarterThatDiedHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		if got, err := db.Lock(t.Context(), "key ring", "dead", time.Now(), time.Now().Add(30*time.Second)); err != nil || !got {
			t.Fatal(got, err)
		}
		began := time.Now()
		r := keystest.Open(t, options(t, db))
		if waited := time.Since(began); waited < 29*time.Second || waited > 31*time.Second {
			t.Errorf("waited %v", waited)
		}
		signAs(t, r)
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		if _, err := db.Lock(t.Context(), "key ring", "dead", time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := keys.Open(ctx, options(t, db)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRingGoesOnWhenTheDatabaseIsAway(t *testing.T) {
	store := &keystest.Store{}
	r := keystest.Open(t, keys.Options{Store: store, Locks: store, Master: keystest.Master(t), Algs: []string{keys.ES256}})
	store.Err = storage.ErrUnavailable
	if err := r.Refresh(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	token, _ := signAs(t, r)
	if err := r.Verify(token, keys.TypAccess, &claims{}); err != nil {
		t.Error(err)
	}
	_, err := keys.Open(t.Context(), keys.Options{Store: store, Locks: store, Master: keystest.Master(t)})
	if !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestS01_SwappedKeyDoesNotOpen(t *testing.T) {
	store := &keystest.Store{}
	o := keys.Options{Store: store, Locks: store, Master: keystest.Master(t), Algs: []string{keys.ES256}}
	r := keystest.Open(t, o)
	if _, err := r.Rotate(t.Context(), keys.ES256, false); err != nil {
		t.Fatal(err)
	}
	rows, _ := store.Keys(t.Context())
	var signing []storage.Key
	for _, row := range rows {
		if row.Alg == keys.ES256 {
			signing = append(signing, row)
		}
	}
	signing[0].Sealed = signing[1].Sealed
	if err := store.UpdateKey(t.Context(), signing[0].State, signing[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Open(t.Context(), o); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestChangesAreNoted(t *testing.T) { // rule T03
	var notes []string
	o := options(t, storagetest.SQLite(t))
	o.Note = func(_ context.Context, event, kid, alg string) error {
		notes = append(notes, fmt.Sprint(event, " ", alg, " ", kid != ""))
		return nil
	}
	r := keystest.Open(t, o)
	if _, err := r.Rotate(t.Context(), keys.ES256, true); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"key.made refresh true", "key.made ES256 true",
		"key.made ES256 true", "key.activated ES256 true", "key.retired ES256 true",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("got %q", notes)
	}
	o.Note = func(context.Context, string, string, string) error { return errors.New("no") }
	refusing := keystest.Open(t, o)
	if _, err := refusing.Rotate(t.Context(), keys.ES256, false); err == nil {
		t.Error("a change that cannot be noted must not happen")
	}
	if got := states(t, r); !slices.Equal(got, []string{"active"}) {
		t.Errorf("got %v", got)
	}
}

func TestV09_DamagedKeyThatDoesNotSignStopsNothing(t *testing.T) {
	store := &keystest.Store{}
	o := keys.Options{Store: store, Locks: store, Master: keystest.Master(t), Algs: []string{keys.ES256}}
	var notes []string
	o.Note = func(_ context.Context, event, _, alg string) error {
		notes = append(notes, event+" "+alg)
		return nil
	}
	r := keystest.Open(t, o)
	if _, err := r.Rotate(t.Context(), keys.ES256, false); err != nil {
		t.Fatal(err)
	}
	token, _ := r.SignRefresh(claims{"ada"})
	rows, _ := store.Keys(t.Context())
	for _, row := range rows {
		if row.State == "next" || row.Alg == keys.Refresh {
			row.Sealed = append(row.Sealed[:len(row.Sealed)-1:len(row.Sealed)-1], row.Sealed[len(row.Sealed)-1]^1)
			if err := store.UpdateKey(t.Context(), row.State, row); err != nil {
				t.Fatal(err)
			}
		}
	}
	notes = nil
	again := keystest.Open(t, o)
	if err := again.VerifyRefresh(token, &claims{}); err != nil {
		t.Errorf("a refresh token, whose key is derived: %v", err)
	}
	if err := again.Tick(t.Context(), time.Now()); err != nil {
		t.Errorf("tick: %v", err)
	}
	slices.Sort(notes)
	if want := []string{"key.damaged ES256", "key.damaged refresh"}; !slices.Equal(notes, want) {
		t.Errorf("noted %q, want each row once", notes)
	}
}
