package users_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
	"signet/users/session"
	"signet/users/userstest"
)

const newPassword = "difference engine"

func (w world) live(t testing.TB, userID string) int {
	t.Helper()
	list, err := w.sessions.OfUser(t.Context(), userID, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestE11_ChangeEndsAllElse(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		u := w.person(t, "ada@example.org")
		here, secret, err := w.start(t.Context(), "ada@example.org", rightPassword)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.start(t.Context(), "ada@example.org", rightPassword); err != nil {
			t.Fatal(err)
		}
		online := w.grant(t, u, storage.Grant{ID: "online", ClientID: "shop", SessionID: here.ID})
		offline := w.grant(t, u, storage.Grant{ID: "offline", ClientID: "shop", Offline: true})

		change, err := w.PrepareChange(t.Context(), users.Attempt{UserID: u.ID, Password: rightPassword, Network: "n"}, newPassword)
		if err != nil {
			t.Fatal(err)
		}
		renewed, fresh, err := w.sessions.Start(t.Context(), &here, u.ID,
			session.Password(false, change.Within(userstest.Permit(t, u, factor.ChangePassword), here.ID)))
		if err != nil {
			t.Fatal(err)
		}
		if renewed.ID != here.ID {
			t.Errorf("sid changed from %s to %s", here.ID, renewed.ID)
		}
		if found, err := w.sessions.Find(t.Context(), secret); found != nil || err != nil {
			t.Errorf("the old secret still opens the session (%v)", err)
		}
		if found, err := w.sessions.Find(t.Context(), fresh); found == nil || err != nil {
			t.Errorf("this browser was signed out (%v)", err)
		}
		if n := w.live(t, u.ID); n != 1 {
			t.Errorf("%d live sessions, want this one", n)
		}
		for _, g := range []storage.Grant{online, offline} {
			if !w.revoked(t, g.ID) {
				t.Errorf("grant %s lives on", g.ID)
			}
		}
		after, err := w.Show(t.Context(), u.ID)
		if err != nil || after.Epoch != u.Epoch+1 {
			t.Errorf("epoch %d, want %d: what is being authorized right now slips through (%v)", after.Epoch, u.Epoch+1, err)
		}
		if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword}); !errors.Is(err, users.ErrWrong) {
			t.Errorf("old password: %v", err)
		}
		if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: newPassword}); err != nil {
			t.Errorf("new password: %v", err)
		}
		if got := w.events(t, u.ID); got["password.changed"] != 1 || got["session.ended"] != 1 || got["session.renewed"] != 1 {
			t.Errorf("events: %v", got)
		}
	})
}

func TestE11_ChangeNeedsThePresentPasswordAndAGoodNewOne(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	for name, tt := range map[string]struct {
		present, next string
		want          error
	}{
		"wrong":  {"wrong password", newPassword, users.ErrWrong},
		"same":   {rightPassword, rightPassword, users.ErrSame},
		"empty":  {rightPassword, "", users.ErrMissing},
		"short":  {rightPassword, "short", password.ErrTooShort},
		"common": {rightPassword, "password1234", password.ErrCommon},
		"name":   {rightPassword, "ada@example.org", password.ErrPersonal},
	} {
		if _, err := w.PrepareChange(t.Context(), users.Attempt{UserID: u.ID, Password: tt.present, Network: "n"},
			tt.next); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	throttled := false
	for range 12 {
		_, err := w.PrepareChange(t.Context(), users.Attempt{UserID: u.ID, Password: "wrong password", Network: "n"}, newPassword)
		throttled = throttled || errors.Is(err, users.ErrThrottled)
	}
	if !throttled {
		t.Error("guessing the present password is not throttled")
	}
}

func TestE11_OfTwoChangesOneWins(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	var changes []*users.Change
	for _, next := range []string{newPassword, "another engine"} {
		c, err := w.PrepareChange(t.Context(), users.Attempt{UserID: u.ID, Password: rightPassword, Network: "n"}, next)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, c)
	}
	if err := changes[0].Commit(t.Context(), userstest.Permit(t, u, factor.ChangePassword), ""); err != nil {
		t.Fatal(err)
	}
	if err := changes[1].Commit(t.Context(), userstest.Permit(t, u, factor.ChangePassword), ""); !errors.Is(err, users.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func TestE13_NoSessionOutlivesANewPassword(t *testing.T) { // a sign-in with the old one races the change
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		u := w.person(t, "ada@example.org")
		present := rightPassword
		for round := range 15 {
			next := []string{newPassword, rightPassword}[round%2]
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					_, _, err := w.start(context.Background(), "ada@example.org", present)
					if err != nil && !errors.Is(err, users.ErrWrong) && !errors.Is(err, users.ErrChanged) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				if err := w.SetPassword(context.Background(), factor.ForOperator(u.ID, factor.ResetPassword), next); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if n := w.live(t, u.ID); n != 0 {
				t.Fatalf("round %d: %d sessions of the old password live on", round, n)
			}
			present = next
			if _, err := w.SignIn(t.Context(), users.Attempt{Login: "ada@example.org", Password: present, Network: "198.51.100.0/24"}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	})
}

func TestF08_DisabledIsLockedOutAtOnce(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	_, secret, err := w.start(t.Context(), "ada@example.org", rightPassword)
	if err != nil {
		t.Fatal(err)
	}
	g := w.grant(t, u, storage.Grant{ID: "g", ClientID: "shop", Offline: true})
	ctx := audit.WithOrigin(t.Context(), audit.Origin{Actor: "cli"})
	for range 2 { // done twice is done
		if err := w.Disable(ctx, u.ID); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := w.sessions.Find(t.Context(), secret); found != nil || err != nil {
		t.Errorf("session lives on (%v)", err)
	}
	if !w.revoked(t, g.ID) {
		t.Error("grant lives on")
	}
	if err := w.Enable(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if found, _ := w.sessions.Find(t.Context(), secret); found != nil {
		t.Error("the old session came back")
	}
	if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword}); err != nil {
		t.Errorf("enabled: %v", err)
	}
	for _, act := range []func(context.Context, string) error{w.Disable, w.Enable} {
		if err := act(ctx, "nobody"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	if err := w.SetPassword(ctx, factor.ForOperator("nobody", factor.ResetPassword), newPassword); !errors.Is(err, users.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestI06_WithdrawnConsentEndsTheAppsAccess(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
		now := time.Now()
		for _, who := range []string{u.ID, bob.ID} {
			if _, err := w.db.PutConsent(t.Context(),
				storage.Consent{UserID: who, ClientID: "shop", Offered: []string{"openid", "email"}, Granted: []string{"openid", "email"},
					CreatedAt: now, UpdatedAt: now}); err != nil {
				t.Fatal(err)
			}
		}
		w.grant(t, u, storage.Grant{ID: "shop1", ClientID: "shop", Offline: true, Scopes: []string{"openid", "api:read"}, LastUsedAt: now})
		w.grant(t, u, storage.Grant{ID: "board", ClientID: "board", Scopes: []string{"openid"}}) // first party: no consent row
		w.grant(t, bob, storage.Grant{ID: "bobs", ClientID: "shop"})

		apps, err := w.Apps(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(apps) != 2 || apps[0].ClientID != "board" && apps[0].ClientID != "shop" {
			t.Fatalf("apps: %+v", apps)
		}
		for _, a := range apps {
			if a.ClientID == "shop" && (len(a.Scopes) != 3 || a.LastUsed.IsZero() || a.Since.IsZero()) {
				t.Errorf("shop: %+v", a)
			}
		}
		if err := w.Disconnect(t.Context(), u.ID, "shop"); err != nil {
			t.Fatal(err)
		}
		if !w.revoked(t, "shop1") || w.revoked(t, "board") || w.revoked(t, "bobs") {
			t.Error("exactly the app's grants of this person should end")
		}
		c, err := w.db.ConsentOf(t.Context(), u.ID, "shop")
		if err != nil || c.Epoch != 2 || len(c.Granted) != 0 {
			t.Errorf("consent %+v (%v): what is being authorized right now slips through", c, err)
		}
		for _, id := range []string{"shop", "unknown", ""} { // R05: gone, never there
			if err := w.Disconnect(t.Context(), u.ID, id); !errors.Is(err, users.ErrNotFound) {
				t.Errorf("%q: got %v, want ErrNotFound", id, err)
			}
		}
		if got := w.events(t, u.ID); got["consent.withdrawn"] != 1 {
			t.Errorf("events: %v", got)
		}
		if err := w.RevokeGrant(t.Context(), "board"); err != nil || !w.revoked(t, "board") {
			t.Errorf("revoke by id: %v", err)
		}
		if err := w.RevokeGrant(t.Context(), "nothing"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

// TestR08_AllAppsAreRemoved: all of this person's, more than a page of the database has, and nobody else's.
func TestR08_AllAppsAreRemoved(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
		for i := range 250 {
			w.grant(t, u, storage.Grant{ID: fmt.Sprint("g", i), ClientID: fmt.Sprint("app", i), Offline: true})
		}
		w.grant(t, bob, storage.Grant{ID: "bobs", ClientID: "app1"})
		n, err := w.DisconnectAll(t.Context(), u.ID)
		if err != nil || n != 250 || !w.revoked(t, "g0") || !w.revoked(t, "g249") || w.revoked(t, "bobs") {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := w.DisconnectAll(t.Context(), u.ID); err != nil || n != 0 {
			t.Errorf("again: %d, %v", n, err)
		}
		if apps, err := w.Apps(t.Context(), u.ID); err != nil || len(apps) != 0 {
			t.Errorf("left: %+v, %v", apps, err)
		}
		if got := w.events(t, u.ID); got["consent.withdrawn"] != 250 {
			t.Errorf("events: %v", got)
		}
	})
}

func TestJ12_ReuseIsSeenUntilThePasswordChanges(t *testing.T) { // RFC 9700 §4.14.2
	inBubble(t, settings{}, func(t *testing.T, w world) {
		u := w.person(t, "ada@example.org")
		seen := func() bool {
			t.Helper()
			at, err := w.ReuseSeen(t.Context(), u.ID)
			if err != nil {
				t.Fatal(err)
			}
			return !at.IsZero()
		}
		if seen() {
			t.Error("seen before it happened")
		}
		acts := audit.New(w.db)
		if err := acts.Record(t.Context(), audit.Event{Name: audit.RefreshReused, UserID: u.ID, GrantID: "g"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if !seen() {
			t.Error("not seen")
		}
		if err := w.SetPassword(t.Context(), factor.ForOperator(u.ID, factor.ResetPassword), newPassword); err != nil {
			t.Fatal(err)
		}
		if seen() {
			t.Error("still seen after the password changed")
		}
		time.Sleep(time.Second)
		if err := acts.Record(t.Context(), audit.Event{Name: audit.RefreshReused, UserID: u.ID}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * 24 * time.Hour)
		if seen() {
			t.Error("still seen two weeks later")
		}
	})
}
