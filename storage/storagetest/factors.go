package storagetest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"signet/storage"
)

func factors(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertUser(ctx, storage.User{ID: "bob", EmailKey: "bob@x", Email: "bob@x", CreatedAt: now, UpdatedAt: now}))
	key := storage.Credential{ID: "k1", UserID: "ada", Kind: "passkey", Data: "{}", Handle: "h1", Name: "Phone", CreatedAt: now}
	ok(t, db.InsertCredential(ctx, key))
	foreign := key
	foreign.ID, foreign.UserID = "k2", "bob"
	fails(t, db.InsertCredential(ctx, foreign), storage.ErrConflict) // a credential id is one person's (rule G08)
	got, err := db.CredentialByHandle(ctx, "passkey", "h1")
	ok(t, err)
	same(t, got, key)
	for _, x := range [][2]string{{"passkey", "h2"}, {"recovery", "h1"}, {"passkey", ""}} {
		_, err := db.CredentialByHandle(ctx, x[0], x[1])
		fails(t, err, storage.ErrNotFound)
	}
	ok(t, db.UseCredential(ctx, "k1", `{"n":5}`, 0, 5, now))
	fails(t, db.UseCredential(ctx, "k1", `{"n":6}`, 0, 6, now), storage.ErrStale)
	ok(t, db.SpendCounter(ctx, "k1", 7, now))
	fails(t, db.SpendCounter(ctx, "k1", 7, now), storage.ErrStale)
	fails(t, db.SpendCounter(ctx, "k1", 6, now), storage.ErrStale)

	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "t1", UserID: "ada", Kind: "totp", Data: "s", CreatedAt: now}))
	fails(t, db.InsertCredential(ctx, storage.Credential{ID: "t2", UserID: "ada", Kind: "totp", Data: "s", CreatedAt: now}),
		storage.ErrConflict)
	for _, id := range []string{"r1", "r2"} {
		ok(t, db.InsertCredential(ctx, storage.Credential{ID: id, UserID: "ada", Kind: "recovery", Handle: "hash-" + id, CreatedAt: now}))
	}
	counts, err := db.CountCredentials(ctx, "ada")
	ok(t, err)
	same(t, counts, map[string]int{"passkey": 1, "totp": 1, "recovery": 2})
	fails(t, db.SpendHandle(ctx, "bob", "recovery", "hash-r1"), storage.ErrNotFound)
	fails(t, db.SpendHandle(ctx, "ada", "recovery", ""), storage.ErrNotFound)
	ok(t, db.SpendHandle(ctx, "ada", "recovery", "hash-r1"))
	fails(t, db.SpendHandle(ctx, "ada", "recovery", "hash-r1"), storage.ErrNotFound)
	ok(t, db.InsertCredential(ctx,
		storage.Credential{ID: "late", UserID: "ada", Kind: "passkey", Handle: "h9", CreatedAt: now.Add(time.Hour)}))
	if n, err := db.DeleteFactors(ctx, "ada", now.Add(time.Minute)); n != 1 || err != nil {
		t.Fatalf("%d of the last minutes, %v; want 1", n, err)
	}
	fails(t, db.RenameCredential(ctx, "k1", "bob", "Mine"), storage.ErrNotFound)
	ok(t, db.RenameCredential(ctx, "k1", "ada", "Old phone"))
	fails(t, db.DeleteCredential(ctx, "k1", "bob"), storage.ErrNotFound)
	ok(t, db.DeleteCredential(ctx, "k1", "ada"))
	fails(t, db.DeleteCredential(ctx, "k1", "ada"), storage.ErrNotFound)
	if n, err := db.DeleteFactors(ctx, "ada", time.Time{}); n != 2 || err != nil { // totp and a recovery code
		t.Fatalf("%d of all, %v; want 2", n, err)
	}
}

func states(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	u := ada(t, db)
	ok(t, db.HoldUser(ctx, "ada", u.Epoch))
	fails(t, db.HoldUser(ctx, "ada", u.Epoch+1), storage.ErrStale)
	ok(t, db.SetUserFrozen(ctx, "ada", now, now))
	fails(t, db.HoldUser(ctx, "ada", u.Epoch), storage.ErrStale)
	ok(t, db.SetUserErase(ctx, "ada", now.Add(time.Hour), now))
	ok(t, db.SetUserTerms(ctx, "ada", "2026-11", now))
	got, err := db.UserByID(ctx, "ada")
	ok(t, err)
	u.FrozenAt, u.EraseAt, u.Terms, u.TermsAt = now, now.Add(time.Hour), "2026-11", now
	same(t, got, u)
	for at, want := range map[time.Time]int{now: 0, now.Add(time.Hour): 1} {
		list, err := db.UsersToErase(ctx, at, 10)
		if err != nil || len(list) != want {
			t.Fatalf("%d to erase, %v; want %d", len(list), err, want)
		}
	}
	ok(t, db.SetUserFrozen(ctx, "ada", time.Time{}, now))
	ok(t, db.SetUserErase(ctx, "ada", time.Time{}, now))
	if got, err = db.UserByID(ctx, "ada"); err != nil || !got.FrozenAt.IsZero() || !got.EraseAt.IsZero() {
		t.Fatalf("got %+v, %v", got, err)
	}
	fails(t, db.SetUserFrozen(ctx, "nobody", now, now), storage.ErrNotFound)
	fails(t, db.SetUserErase(ctx, "nobody", now, now), storage.ErrNotFound)
	fails(t, db.SetUserTerms(ctx, "nobody", "1", now), storage.ErrNotFound)
}

func erasure(t *testing.T, db *storage.DB) { // rule R07
	ctx := t.Context()
	ada(t, db)
	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "c", UserID: "ada", Kind: "password", Data: "x", CreatedAt: now}))
	ok(t, db.InsertSession(ctx, sessionOf("s1")))
	ok(t, db.InsertGrant(ctx, grantOf("g1")))
	ok(t, db.InsertTicket(ctx,
		storage.Ticket{ID: "t", SecretHash: "h", Purpose: "reset", Owner: "ada", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	ok(t, db.InsertGroup(ctx, storage.Group{Name: "staff", CreatedAt: now}))
	_, err := db.AddMember(ctx, "staff", "ada", now)
	ok(t, err)
	ok(t, db.InsertEvent(ctx, storage.Event{ID: "e", At: now, Name: "n", Outcome: "success", UserID: "ada"}))
	who, err := db.UserByID(ctx, "ada")
	ok(t, err)
	ok(t, db.InsertTicket(ctx,
		storage.Ticket{ID: "t2", SecretHash: "h2", Purpose: "verify", Owner: who.EmailKey, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	for id, facts := range map[string]string{"i1": `{"user_id":"ada"}`, "i2": `{"user_id":"bob"}`} {
		ok(t, db.InsertInteraction(ctx, storage.Interaction{
			ID: id, Network: "n", Request: json.RawMessage("{}"), Facts: json.RawMessage(facts), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}, 9, 0, 0))
	}
	ok(t, db.Tx(ctx, func(ctx context.Context) error { return db.EraseUser(ctx, "ada") }))
	_, err = db.InteractionByID(ctx, "i1", now)
	fails(t, err, storage.ErrNotFound)
	_, err = db.InteractionByID(ctx, "i2", now)
	ok(t, err)
	_, err = db.TicketBySecret(ctx, "verify", "h2", now)
	fails(t, err, storage.ErrNotFound)
	_, err = db.UserByID(ctx, "ada")
	fails(t, err, storage.ErrNotFound)
	_, err = db.SessionBySecret(ctx, "hash-s1")
	fails(t, err, storage.ErrNotFound)
	_, err = db.GrantStateByID(ctx, "g1")
	fails(t, err, storage.ErrNotFound)
	_, err = db.TicketBySecret(ctx, "reset", "h", now)
	fails(t, err, storage.ErrNotFound)
	members, err := db.Members(ctx, "staff", "", 10)
	ok(t, err)
	list, err := db.EventsOfUser(ctx, "ada", "", 10)
	if err != nil || len(list) != 1 || len(members) != 0 {
		t.Fatalf("%d events, %d members, %v; want one event and nobody", len(list), len(members), err)
	}
	fails(t, db.EraseUser(ctx, "ada"), storage.ErrNotFound)
}

func tickets(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	one := storage.Ticket{ID: "t1", SecretHash: "h1", Purpose: "reset", Owner: "ada", Data: json.RawMessage(`{"a":1}`), CreatedAt: now,
		ExpiresAt: now.Add(time.Hour)}
	ok(t, db.InsertTicket(ctx, one))
	two := one
	two.ID, two.CreatedAt = "t2", now.Add(time.Second)
	fails(t, db.InsertTicket(ctx, two), storage.ErrConflict)
	two.SecretHash = "h2"
	ok(t, db.InsertTicket(ctx, two))
	got, err := db.TicketBySecret(ctx, "reset", "h1", now)
	ok(t, err)
	same(t, got, one)
	for _, x := range []struct {
		purpose, hash string
		at            time.Time
	}{{"verify", "h1", now}, {"reset", "h3", now}, {"reset", "h1", now.Add(time.Hour)}} {
		_, err := db.TicketBySecret(ctx, x.purpose, x.hash, x.at)
		fails(t, err, storage.ErrNotFound)
		_, err = db.SpendTicket(ctx, x.purpose, x.hash, x.at)
		fails(t, err, storage.ErrNotFound)
	}
	ok(t, db.GuessTicket(ctx, "t1", 2))
	ok(t, db.GuessTicket(ctx, "t1", 2))
	fails(t, db.GuessTicket(ctx, "t1", 2), storage.ErrTooMany)
	list, err := db.TicketsOf(ctx, "ada", "reset", now)
	ok(t, err)
	same(t, idsOf(list, func(x storage.Ticket) string { return x.ID }), []string{"t1", "t2"})
	list, err = db.Tickets(ctx, "reset", now, "t1", 10)
	ok(t, err)
	same(t, list, []storage.Ticket{two})
	got, err = db.SpendTicket(ctx, "reset", "h1", now)
	one.Guesses = 2
	ok(t, err)
	same(t, got, one)
	_, err = db.SpendTicket(ctx, "reset", "h1", now)
	fails(t, err, storage.ErrNotFound)
	fails(t, db.RetireTicket(ctx, "reset", "reset spent", "h1", now), storage.ErrNotFound)
	fails(t, db.RetireTicket(ctx, "verify", "reset spent", "h2", now), storage.ErrNotFound)
	fails(t, db.RetireTicket(ctx, "reset", "reset spent", "h2", two.ExpiresAt), storage.ErrNotFound)
	ok(t, db.RetireTicket(ctx, "reset", "reset spent", "h2", now))
	_, err = db.SpendTicket(ctx, "reset", "h2", now)
	fails(t, err, storage.ErrNotFound)
	fails(t, db.RetireTicket(ctx, "reset", "reset spent", "h2", now), storage.ErrNotFound)
	got, err = db.TicketBySecret(ctx, "reset spent", "h2", now)
	two.Purpose = "reset spent"
	ok(t, err)
	same(t, got, two)
	fails(t, db.VoidTicket(ctx, "verify", "t2"), storage.ErrNotFound)
	ok(t, db.VoidTicket(ctx, "reset spent", "t2"))
	if n, err := db.VoidTicketsOfHolders(ctx, "admin", "reset"); n != 0 || err != nil {
		t.Errorf("tickets of holders voided: %d, %v", n, err)
	}
	if n, err := db.VoidTickets(ctx, "ada", "reset"); n != 0 || err != nil {
		t.Fatalf("%d voided, %v", n, err)
	}
}

func holderLeft(t *testing.T, db *storage.DB) { // rule R03
	ctx := t.Context()
	for _, id := range []string{"ada", "bob"} {
		ok(t, db.InsertUser(ctx, storage.User{ID: id, EmailKey: id, Email: id, CreatedAt: now, UpdatedAt: now}))
	}
	want := func(want, signsIn bool) {
		t.Helper()
		left, err := db.HolderLeft(ctx, "admin")
		ok(t, err)
		in, err := db.HolderSignsIn(ctx, "admin", []string{"work"})
		ok(t, err)
		if left != want || in != signsIn {
			t.Fatalf("left %v, and can sign in %v; want %v, %v", left, in, want, signsIn)
		}
	}
	want(false, false)
	ok(t, db.InsertRole(ctx, storage.Group{Name: "admin", CreatedAt: now}))
	ok(t, db.InsertGroup(ctx, storage.Group{Name: "staff", CreatedAt: now}))
	_, err := db.GiveRole(ctx, "admin", storage.HolderUser, "ada", now)
	ok(t, err)
	want(true, false)
	ok(t, db.InsertCredential(ctx, storage.Credential{ID: "p", UserID: "ada", Kind: "password", Data: "x", CreatedAt: now}))
	want(true, true)
	ok(t, db.SetUserDisabled(ctx, "ada", now, now))
	want(false, false)
	_, err = db.GiveRole(ctx, "admin", storage.HolderGroup, "staff", now)
	ok(t, err)
	_, err = db.AddMember(ctx, "staff", "bob", now)
	ok(t, err)
	want(true, false)
	ok(t, db.SetUserErase(ctx, "bob", now, now))
	want(false, false)
}

func memberships(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ada(t, db)
	for _, name := range []string{"staff", "board"} {
		ok(t, db.InsertGroup(ctx, storage.Group{Name: name, Description: "of " + name, CreatedAt: now}))
		ok(t, db.InsertRole(ctx, storage.Group{Name: name + "-role", CreatedAt: now}))
	}
	fails(t, db.InsertGroup(ctx, storage.Group{Name: "staff", CreatedAt: now}), storage.ErrConflict)
	fails(t, db.InsertRole(ctx, storage.Group{Name: "staff-role", CreatedAt: now}), storage.ErrConflict)
	for name, want := range map[string]bool{"staff": true, "none": false} {
		if there, err := db.RoleExists(ctx, name+"-role"); there != want || err != nil {
			t.Fatalf("role %s: exists %v, %v; want %v", name, there, err, want)
		}
		if there, err := db.GroupExists(ctx, name); there != want || err != nil {
			t.Fatalf("%s: exists %v, %v; want %v", name, there, err, want)
		}
	}
	for _, want := range []bool{true, false} {
		added, err := db.AddMember(ctx, "staff", "ada", now)
		if err != nil || added != want {
			t.Fatalf("added %v, %v; want %v", added, err, want)
		}
	}
	for _, x := range [][2]string{{"none", "ada"}, {"staff", "none"}} {
		_, err := db.AddMember(ctx, x[0], x[1], now)
		fails(t, err, storage.ErrNotFound)
	}
	_, err := db.GiveRole(ctx, "board-role", storage.HolderUser, "ada", now)
	ok(t, err)
	for _, want := range []bool{true, false} {
		given, err := db.GiveRole(ctx, "staff-role", storage.HolderGroup, "staff", now)
		if err != nil || given != want {
			t.Fatalf("given %v, %v; want %v", given, err, want)
		}
	}
	_, err = db.GiveRole(ctx, "none", storage.HolderUser, "ada", now)
	fails(t, err, storage.ErrNotFound)
	lists := func(want ...[]string) {
		t.Helper()
		groups, err := db.GroupsOfUser(ctx, "ada")
		ok(t, err)
		roles, err := db.RolesOfUser(ctx, "ada")
		ok(t, err)
		members, err := db.Members(ctx, "staff", "", 10)
		ok(t, err)
		for i, got := range [][]string{groups, roles, members} {
			if !slices.Equal(got, want[i]) {
				t.Fatalf("list %d: got %v, want %v", i, got, want[i])
			}
		}
	}
	lists([]string{"staff"}, []string{"board-role", "staff-role"}, []string{"ada"})
	holders, err := db.RoleHolders(ctx, "staff-role", storage.HolderGroup, "", 10)
	ok(t, err)
	same(t, holders, []string{"staff"})
	ok(t, db.TakeRole(ctx, "board-role", storage.HolderUser, "ada"))
	fails(t, db.TakeRole(ctx, "board-role", storage.HolderUser, "ada"), storage.ErrNotFound)
	ok(t, db.DescribeGroup(ctx, "staff", "all"))
	ok(t, db.DescribeRole(ctx, "staff-role", "all"))
	groups, err := db.Groups(ctx, "board", 10)
	ok(t, err)
	same(t, groups, []storage.Group{{Name: "staff", Description: "all", CreatedAt: now}})
	roles, err := db.Roles(ctx, "board-role", 10)
	ok(t, err)
	same(t, roles, []storage.Group{{Name: "staff-role", Description: "all", CreatedAt: now}})
	ok(t, db.RemoveMember(ctx, "staff", "ada"))
	fails(t, db.RemoveMember(ctx, "staff", "ada"), storage.ErrNotFound)
	lists(nil, nil, nil)
	ok(t, db.DeleteGroup(ctx, "staff"))
	holders, err = db.RoleHolders(ctx, "staff-role", storage.HolderGroup, "", 10)
	if err != nil || len(holders) != 0 {
		t.Fatalf("a group that is gone holds %v, %v", holders, err)
	}
	ok(t, db.DeleteRole(ctx, "staff-role"))
	for _, err := range []error{
		db.DeleteGroup(ctx, "staff"), db.DeleteRole(ctx, "staff-role"), db.DescribeGroup(ctx, "staff", ""),
		db.DescribeRole(ctx, "staff-role", ""),
	} {
		fails(t, err, storage.ErrNotFound)
	}
}

func raceTicket(t *testing.T, db *storage.DB) { // rule D05
	ok(t, db.InsertTicket(t.Context(),
		storage.Ticket{ID: "t", SecretHash: "h", Purpose: "reset", Owner: "ada", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	if won := raced(t, 8, storage.ErrNotFound, func(ctx context.Context, _ int) error {
		_, err := db.SpendTicket(ctx, "reset", "h", now)
		return err
	}); won != 1 {
		t.Errorf("%d used one link, want 1", won)
	}
	ok(t, db.InsertTicket(t.Context(),
		storage.Ticket{ID: "s", SecretHash: "s", Purpose: "state", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	if won := raced(t, 8, storage.ErrNotFound, func(ctx context.Context, _ int) error {
		return db.RetireTicket(ctx, "state", "state spent", "s", now)
	}); won != 1 {
		t.Errorf("%d retired one ticket, want 1", won)
	}
}

func raceFactor(t *testing.T, db *storage.DB) { // rules G01, G04
	ada(t, db)
	ok(t, db.InsertCredential(t.Context(), storage.Credential{ID: "t", UserID: "ada", Kind: "totp", CreatedAt: now}))
	ok(t, db.InsertCredential(t.Context(), storage.Credential{ID: "r", UserID: "ada", Kind: "recovery", Handle: "h", CreatedAt: now}))
	if won := raced(t, 8, storage.ErrStale, func(ctx context.Context, _ int) error { return db.SpendCounter(ctx, "t", 42, now) }); won != 1 {
		t.Errorf("%d used one step, want 1", won)
	}
	if won := raced(t, 8, storage.ErrNotFound, func(ctx context.Context, _ int) error {
		return db.SpendHandle(ctx, "ada", "recovery", "h")
	}); won != 1 {
		t.Errorf("%d used one recovery code, want 1", won)
	}
}

// raceHold: a sign-in that holds the person and an act that ends everything never pass each other.
func raceHold(t *testing.T, db *storage.DB) {
	u := ada(t, db)
	for i := range 10 {
		id := string(rune('a' + i))
		raced(t, 2, storage.ErrStale, func(ctx context.Context, n int) error {
			return db.Tx(ctx, func(ctx context.Context) error {
				if n == 0 {
					if err := db.HoldUser(ctx, "ada", u.Epoch); err != nil {
						return err
					}
					return db.InsertSession(ctx, sessionOf(id))
				}
				if err := db.RaiseEpoch(ctx, "ada", now); err != nil {
					return err
				}
				_, err := db.EndSessionsOfUser(ctx, "ada", "", now)
				return err
			})
		})
		u.Epoch++
		list, err := db.SessionsOfUser(t.Context(), "ada", now, 10)
		if err != nil || len(list) != 0 {
			t.Fatalf("%d sessions live on, %v", len(list), err)
		}
	}
}
