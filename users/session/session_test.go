package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/session"
)

func sessions(t testing.TB, db *storage.DB) *session.Sessions {
	t.Helper()
	s, err := session.New(session.Options{Stores: session.StoresOf(db), Audit: audit.New(db)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func person(t testing.TB, db *storage.DB, id string) string {
	t.Helper()
	now := time.Now()
	if err := db.InsertUser(t.Context(),
		storage.User{ID: id, Email: id + "@example.org", EmailKey: id + "@example.org", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	return id
}

func inBubble(t *testing.T, test func(t *testing.T, db *storage.DB, s *session.Sessions)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		test(t, db, sessions(t, db))
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func start(t testing.TB, s *session.Sessions, old *storage.Session, userID string, remember bool) (storage.Session, string) {
	t.Helper()
	started, secret, err := s.Start(t.Context(), old, userID, session.Password(remember, nil))
	if err != nil {
		t.Fatal(err)
	}
	return started, secret
}

func live(t testing.TB, s *session.Sessions, secret string) *storage.SessionUser {
	t.Helper()
	found, err := s.Find(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestA16_SecretsAreLongAndStoredAsHashes(t *testing.T) {
	db := storagetest.SQLite(t)
	s := sessions(t, db)
	ada := person(t, db, "ada")
	seen := map[string]bool{}
	for range 20 {
		started, secret := start(t, s, nil, ada, false)
		if len(secret) != 43 || seen[secret] {
			t.Errorf("secret of %d characters, or twice", len(secret))
		}
		seen[secret] = true
		if strings.Contains(fmt.Sprint(started), secret) || started.SecretHash != session.Hash(secret) {
			t.Error("the row holds the secret")
		}
	}
}

func TestF05_SignInAgainKeepsTheIDAndKillsTheSecret(t *testing.T) {
	inBubble(t, func(t *testing.T, db *storage.DB, s *session.Sessions) {
		ada := person(t, db, "ada")
		first, old := start(t, s, nil, ada, false)
		time.Sleep(time.Hour)
		second, fresh := start(t, s, &first, ada, true)
		if second.ID != first.ID || second.CreatedAt != first.CreatedAt || !second.AuthTime.Equal(first.AuthTime.Add(time.Hour)) {
			t.Errorf("first %+v, second %+v", first, second)
		}
		if live(t, s, old) != nil {
			t.Error("the old secret still opens the session")
		}
		if got := live(t, s, fresh); got == nil || got.AuthTime.UnixMicro() != second.AuthTime.UnixMicro() || !got.Remember {
			t.Errorf("got %+v", got)
		}
	})
}

func TestF05_AnotherPersonGetsANewSession(t *testing.T) {
	db := storagetest.SQLite(t)
	s := sessions(t, db)
	ada, bob := person(t, db, "ada"), person(t, db, "bob")
	first, old := start(t, s, nil, ada, false)
	now := time.Now()
	for id, offline := range map[string]bool{"online": false, "offline": true} {
		if err := db.InsertGrant(t.Context(), storage.Grant{ID: id, ClientID: "shop", UserID: ada, SessionID: first.ID, Offline: offline,
			CreatedAt: now, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	second, fresh := start(t, s, &first, bob, false)
	if second.ID == first.ID {
		t.Error("two persons share a sid")
	}
	if live(t, s, old) != nil || live(t, s, fresh) == nil {
		t.Error("the first session should end, the second live")
	}
	for id, want := range map[string]bool{"online": true, "offline": false} {
		g, err := db.GrantStateByID(t.Context(), id)
		if err != nil || g.RevokedAt.IsZero() == want {
			t.Errorf("%s: revoked %v, want %v (%v)", id, !g.RevokedAt.IsZero(), want, err)
		}
	}
}

func TestF05_OnlySecretsOfOursAreLookedUp(t *testing.T) {
	db := storagetest.SQLite(t)
	s := sessions(t, db)
	for _, secret := range []string{"", "x", strings.Repeat("a", 42), strings.Repeat("a", 44), strings.Repeat("!", 43),
		strings.Repeat("a", 5000)} {
		ctx, stats := storage.WithStats(t.Context())
		if found, err := s.Find(ctx, secret); found != nil || err != nil || stats.Reads() != 0 {
			t.Errorf("%.50q: %v, %v, %d reads", secret, found, err, stats.Reads())
		}
	}
	if live(t, s, strings.Repeat("a", 43)) != nil {
		t.Error("an unknown secret opens a session")
	}
}

func TestF07_IdleAndAbsoluteEnds(t *testing.T) { // NIST SP 800-63B-4 §5.2
	for name, tt := range map[string]struct {
		remember bool
		every    time.Duration // how often the browser is used
		ends     time.Duration
	}{
		"short_unused":    {false, 0, 24 * time.Hour},
		"short_used":      {false, 5 * time.Hour, 24 * time.Hour},
		"remember_unused": {true, 0, 24 * time.Hour},
		"remember_used":   {true, 23 * time.Hour, 30 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, db *storage.DB, s *session.Sessions) {
				_, secret := start(t, s, nil, person(t, db, "ada"), tt.remember)
				begun := time.Now()
				for tt.every > 0 && time.Since(begun)+tt.every < tt.ends {
					time.Sleep(tt.every)
					if live(t, s, secret) == nil {
						t.Fatalf("ended after %s", time.Since(begun))
					}
				}
				time.Sleep(tt.ends - time.Since(begun) - time.Second)
				if tt.every > 0 && live(t, s, secret) == nil { // looking is using
					t.Fatalf("ended before %s", tt.ends)
				}
				time.Sleep(time.Second)
				if live(t, s, secret) != nil {
					t.Errorf("lives on after %s", tt.ends)
				}
			})
		})
	}
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, db *storage.DB, s *session.Sessions) {
		_, secret := start(t, s, nil, person(t, db, "ada"), false)
		var reads, writes int64
		for range 120 {
			time.Sleep(time.Second)
			ctx, stats := storage.WithStats(audit.WithOrigin(t.Context(), audit.Origin{Address: "203.0.113.24"}))
			if found, err := s.Find(ctx, secret); found == nil || err != nil {
				t.Fatal(found, err)
			}
			reads += stats.Reads()
			writes += stats.Writes()
		}
		if reads != 120 || writes != 2 {
			t.Errorf("%d reads and %d writes in two minutes, want 120 and 2", reads, writes)
		}
		if got := live(t, s, secret); got.Address != "203.0.113.24" {
			t.Errorf("address %q", got.Address)
		}
	})
}

func TestTwoTabsSigningInAtOnceBothSucceed(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s := sessions(t, db)
		ada := person(t, db, "ada")
		for range 10 {
			first, _ := start(t, s, nil, ada, false)
			var wg sync.WaitGroup
			kept := make(chan bool, 4)
			for range cap(kept) {
				wg.Go(func() {
					started, secret, err := s.Start(context.Background(), &first, ada, session.Password(false, nil))
					if err != nil {
						t.Error(err)
						return
					}
					found, err := s.Find(context.Background(), secret)
					if found == nil || err != nil {
						t.Errorf("a tab that signed in is signed out (%v)", err)
					}
					kept <- started.ID == first.ID
				})
			}
			wg.Wait()
			close(kept)
			n := 0
			for same := range kept {
				if same {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("%d tabs renewed one secret, want 1", n)
			}
		}
	})
}

func TestQ04_EndingRevokesWhatIsNotOffline(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s := sessions(t, db)
		ada, bob := person(t, db, "ada"), person(t, db, "bob")
		here, _ := start(t, s, nil, ada, false)
		var others []storage.Session
		for range 3 {
			o, _ := start(t, s, nil, ada, false)
			others = append(others, o)
		}
		bobs, _ := start(t, s, nil, bob, false)
		now := time.Now()
		for i, sid := range []string{here.ID, others[0].ID, bobs.ID, ""} {
			for _, offline := range []bool{false, true} {
				id := fmt.Sprintf("%d-%v", i, offline)
				if err := db.InsertGrant(t.Context(), storage.Grant{ID: id, ClientID: "shop", UserID: ada, SessionID: sid, Offline: offline,
					CreatedAt: now, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, id := range []string{bobs.ID, "unknown", ""} { // R05: a stranger's is as unknown as none
			if err := s.End(t.Context(), id, ada, "test"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%q: got %v, want ErrNotFound", id, err)
			}
		}
		if n, err := s.EndAll(t.Context(), ada, here.ID, "test"); n != 3 || err != nil {
			t.Errorf("%d ended (%v), want 3", n, err)
		}
		if err := s.End(t.Context(), others[0].ID, ada, "test"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("ended twice: %v", err)
		}
		for id, want := range map[string]bool{"0-false": false, "0-true": false, "1-false": true, "1-true": false, "2-false": false,
			"3-false": false, "3-true": false} {
			g, err := db.GrantStateByID(t.Context(), id)
			if err != nil || g.RevokedAt.IsZero() == want {
				t.Errorf("grant %s: revoked %v, want %v (%v)", id, !g.RevokedAt.IsZero(), want, err)
			}
		}
		if list, err := s.OfUser(t.Context(), ada, 10); len(list) != 1 || list[0].ID != here.ID || err != nil {
			t.Errorf("live: %v (%v)", list, err)
		}
		if list, err := s.List(t.Context(), "", 10); len(list) != 2 || err != nil {
			t.Errorf("all: %d (%v)", len(list), err)
		}
	})
}

func TestWhatHowWithinRefusesLeavesNoTrace(t *testing.T) {
	db := storagetest.SQLite(t)
	s := sessions(t, db)
	ada := person(t, db, "ada")
	no := errors.New("no")
	if _, _, err := s.Start(t.Context(), nil, ada, session.Password(false, func(context.Context) error { return no })); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if list, err := s.OfUser(t.Context(), ada, 10); len(list) != 0 || err != nil {
		t.Errorf("%d sessions (%v)", len(list), err)
	}
}
