package factor_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/factor"
	"signet/users/userstest"
)

// ways is the writer over a database, with Ada in it, who has a password.
type ways struct {
	*factor.Ways
	db  *storage.DB
	ada storage.User
}

func openWays(t *testing.T, db *storage.DB, policy factor.Policy) ways {
	t.Helper()
	w := ways{db: db}
	var err error
	w.Ways, err = factor.NewWays(factor.WaysOptions{
		Stores: factor.StoresOf(db), Policy: policy, Usable: func(upstream string) bool { return upstream == "corp" },
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, id := range []string{"ada", "bob"} {
		u := storage.User{ID: id, Email: id + "@example.com", EmailKey: id + "@example.com", CreatedAt: now, UpdatedAt: now}
		if err := db.InsertUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	w.ada = w.user(t)
	w.put(t, factor.KindPassword, "pw")
	return w
}

func (w ways) user(t *testing.T) storage.User {
	t.Helper()
	u, err := w.db.UserByID(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func credentialOf(kind, id string) storage.Credential {
	c := storage.Credential{ID: id, UserID: "ada", Kind: kind, CreatedAt: time.Now()}
	if kind == factor.KindPasskey || kind == factor.KindRecovery {
		c.Handle = id
	}
	return c
}

func identityOf(upstream, id string) storage.Identity {
	return storage.Identity{ID: id, Upstream: upstream, Issuer: "https://up.example", Subject: id, UserID: "ada", CreatedAt: time.Now(),
		LastUsedAt: time.Now()}
}

// put writes behind the back of the rule.
func (w ways) put(t *testing.T, kind, id string) {
	t.Helper()
	if err := w.db.InsertCredential(t.Context(), credentialOf(kind, id)); err != nil {
		t.Fatal(err)
	}
}

func (w ways) link(t *testing.T, upstream, id string) {
	t.Helper()
	if err := w.db.InsertIdentity(t.Context(), identityOf(upstream, id)); err != nil {
		t.Fatal(err)
	}
}

// has counts what Ada has.
func (w ways) has(t *testing.T) map[string]int {
	t.Helper()
	n, err := w.db.CountCredentials(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	logins, err := w.db.CountIdentities(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(n, logins)
	return n
}

func (w ways) in(t *testing.T, f func(ctx context.Context) error) error {
	t.Helper()
	return w.db.Tx(t.Context(), f)
}

// writes is each method of the writer with the acts that it takes.
var writes = map[string]struct {
	acts []factor.Act
	do   func(ctx context.Context, w ways, p factor.Permit) error
}{
	"AddCredential password": {[]factor.Act{factor.SetPassword}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.AddCredential(ctx, p, credentialOf(factor.KindPassword, "new"))
	}},
	"AddCredential passkey": {[]factor.Act{factor.AddPasskey}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.AddCredential(ctx, p, credentialOf(factor.KindPasskey, "new"))
	}},
	"AddCredential authenticator": {[]factor.Act{factor.AddAuthenticator}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.AddCredential(ctx, p, credentialOf(factor.KindTOTP, "new"))
	}},
	"AddCredential recovery": {nil, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.AddCredential(ctx, p, credentialOf(factor.KindRecovery, "new"))
	}},
	"AddAuthenticator": {[]factor.Act{factor.AddAuthenticator}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.AddAuthenticator(ctx, p, credentialOf(factor.KindTOTP, "new"), nil)
		return err
	}},
	"ReplaceRecoveryCodes": {[]factor.Act{factor.MakeRecoveryCodes}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.ReplaceRecoveryCodes(ctx, p, []storage.Credential{credentialOf(factor.KindRecovery, "new")})
	}},
	"ReplacePassword": {[]factor.Act{factor.ChangePassword, factor.ResetPassword}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.ReplacePassword(ctx, p, credentialOf(factor.KindPassword, "new"))
	}},
	"RemovePasskey": {[]factor.Act{factor.RemovePasskey}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.RemovePasskey(ctx, p, "key")
	}},
	"RemoveAuthenticator": {[]factor.Act{factor.RemoveAuthenticator}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.RemoveAuthenticator(ctx, p)
	}},
	"RemoveFactors": {[]factor.Act{factor.ResetFactors}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.RemoveFactors(ctx, p)
		return err
	}},
	"RemoveSince": {[]factor.Act{factor.Freeze}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.RemoveSince(ctx, p, time.Now().Add(-time.Hour))
		return err
	}},
	"DropAttached": {[]factor.Act{factor.DropAttached}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.DropAttached(ctx, p)
		return err
	}},
	"LinkIdentity": {[]factor.Act{factor.LinkLogin}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.LinkIdentity(ctx, p, identityOf("corp", "new"))
	}},
	"UnlinkIdentity": {[]factor.Act{factor.UnlinkLogin}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.UnlinkIdentity(ctx, p, "login")
		return err
	}},
	"SetAddress": {[]factor.Act{factor.ChangeAddress, factor.Freeze}, func(ctx context.Context, w ways, p factor.Permit) error {
		_, err := w.SetAddress(ctx, p, factor.Address{Email: "new@example.com", Key: "new@example.com"})
		return err
	}},
	"VerifyAddress": {[]factor.Act{factor.VerifyAddress}, func(ctx context.Context, w ways, p factor.Permit) error {
		return w.VerifyAddress(ctx, p, factor.Address{Email: "ada@example.com", Key: "ada@example.com"})
	}},
}

func TestV01_APermitIsForOnePersonActAndEpoch(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := openWays(t, open(t), factor.Optional)
		w.put(t, factor.KindPasskey, "key")
		w.put(t, factor.KindPasskey, "key2")
		w.put(t, factor.KindTOTP, "app")
		w.put(t, factor.KindRecovery, "code")
		w.link(t, "corp", "login")
		had := w.has(t)
		permit := func(userID string, epoch int64, act factor.Act) factor.Permit {
			p := factor.Proof{By: factor.ByLink, UserID: userID, Epoch: epoch, Acts: []factor.Act{act}}
			permit, err := factor.May(p, act, factor.Account{Password: true, Passkeys: 2, Logins: 1})
			if err != nil {
				t.Fatal(err)
			}
			return permit
		}
		for name, write := range writes {
			for _, act := range acts {
				if slices.Contains(write.acts, act) {
					bad := map[string]factor.Permit{"another person": permit("bob", 0, act), "another epoch": permit("ada", w.ada.Epoch+1, act)}
					for what, p := range bad {
						err := w.in(t, func(ctx context.Context) error { return write.do(ctx, w, p) })
						refused := errors.Is(err, factor.ErrNotAllowed) || errors.Is(err, factor.ErrChanged) || errors.Is(err, storage.ErrNotFound)
						if refused || what == "another person" && hers(name) {
							continue
						}
						t.Errorf("%s by a permit of %s for act %d: %v", name, what, act, err)
					}
					continue
				}
				for what, p := range map[string]factor.Permit{"a permit": permit("ada", w.ada.Epoch, act),
					"an operator": factor.ForOperator("ada", act)} {
					err := w.in(t, func(ctx context.Context) error { return write.do(ctx, w, p) })
					if !errors.Is(err, factor.ErrNotAllowed) {
						t.Errorf("%s by %s for act %d: %v", name, what, act, err)
					}
				}
			}
			if err := w.in(t, func(ctx context.Context) error { return write.do(ctx, w, factor.Permit{}) }); !errors.Is(err, factor.ErrNotAllowed) {
				t.Errorf("%s by no permit: %v", name, err)
			}
		}
		if now := w.has(t); !maps.Equal(now, had) || w.user(t).Email != w.ada.Email || w.user(t).EmailVerified {
			t.Errorf("Ada had %v, and has %v and %s", had, now, w.user(t).Email)
		}
	})
}

// hers reports whether a method takes whom it is about from the permit: one for Bob is about Bob.
func hers(name string) bool {
	return slices.Contains([]string{"RemoveFactors", "RemoveSince", "DropAttached", "SetAddress", "RemoveAuthenticator"}, name)
}

func TestV01_EachWriteByItsPermit(t *testing.T) {
	for name, write := range writes {
		for _, act := range write.acts {
			db := storagetest.SQLite(t)
			w := openWays(t, db, factor.Optional)
			w.put(t, factor.KindPasskey, "key")
			w.link(t, "corp", "login")
			if name != "AddCredential authenticator" && name != "AddAuthenticator" {
				w.put(t, factor.KindTOTP, "app")
			}
			if act == factor.SetPassword {
				if _, err := db.DeleteCredentials(t.Context(), "ada", factor.KindPassword); err != nil {
					t.Fatal(err)
				}
			}
			before, address := w.has(t), w.user(t)
			if err := w.in(t, func(ctx context.Context) error { return write.do(ctx, w, factor.ForOperator("ada", act)) }); err != nil {
				t.Errorf("%s for act %d: %v", name, act, err)
			}
			now := w.user(t)
			if maps.Equal(before, w.has(t)) && name != "ReplacePassword" && address.Email == now.Email &&
				address.EmailVerified == now.EmailVerified {
				t.Errorf("%s for act %d wrote nothing", name, act)
			}
		}
	}
}

func TestV01_APermitEndsWhenASecondFactorIsAdded(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := openWays(t, open(t), factor.Optional)
		for name, proof := range map[string]factor.Proof{
			"signed in by password": {By: factor.BySession, UserID: "ada", Epoch: w.ada.Epoch, At: time.Now()},
			"pending sign-in":       {By: factor.ByFirstFactor, UserID: "ada", Epoch: w.ada.Epoch, At: time.Now(), Decided: factor.Enrol},
		} {
			permit, err := factor.May(proof, factor.AddPasskey, factor.Account{Password: true})
			if err != nil {
				t.Fatal(err)
			}
			add := func(ctx context.Context) error {
				return w.AddCredential(ctx, permit, credentialOf(factor.KindPasskey, name))
			}
			w.put(t, factor.KindTOTP, "app")
			if err := w.in(t, add); !errors.Is(err, factor.ErrChanged) {
				t.Errorf("%s: after a second factor was added: %v", name, err)
			}
			if _, err := w.db.DeleteCredentials(t.Context(), "ada", factor.KindTOTP); err != nil {
				t.Fatal(err)
			}
			if err := w.in(t, add); err != nil {
				t.Errorf("%s: without: %v", name, err)
			}
			if _, err := w.db.DeleteCredentials(t.Context(), "ada", factor.KindPasskey); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// removal takes one of Ada's ways.
type removal func(ctx context.Context, w ways, u storage.User) error

func TestN09_OfTheLastTwoWaysOneStays(t *testing.T) {
	session := func(u storage.User, act factor.Act) factor.Permit {
		p := factor.Proof{By: factor.BySession, UserID: u.ID, Epoch: u.Epoch, Level: factor.Resistant, At: time.Now()}
		permit, err := factor.May(p, act, factor.Account{Passkeys: 2, Logins: 2})
		if err != nil {
			t.Fatal(err)
		}
		return permit
	}
	passkey := func(id string) removal {
		return func(ctx context.Context, w ways, u storage.User) error {
			return w.RemovePasskey(ctx, session(u, factor.RemovePasskey), id)
		}
	}
	login := func(id string) removal {
		return func(ctx context.Context, w ways, u storage.User) error {
			_, err := w.UnlinkIdentity(ctx, session(u, factor.UnlinkLogin), id)
			return err
		}
	}
	for name, tt := range map[string]struct {
		passkeys, logins []string
		first, second    removal
	}{
		"two passkeys":         {[]string{"k1", "k2"}, nil, passkey("k1"), passkey("k2")},
		"two logins":           {nil, []string{"l1", "l2"}, login("l1"), login("l2")},
		"a passkey, a login":   {[]string{"k1"}, []string{"l1"}, passkey("k1"), login("l1")},
		"the same login twice": {nil, []string{"l1", "l2"}, login("l1"), login("l1")},
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
				w := openWays(t, open(t), factor.Optional)
				if _, err := w.db.DeleteCredentials(t.Context(), "ada", factor.KindPassword); err != nil {
					t.Fatal(err)
				}
				w.link(t, "gone", "old") // it is not a way any more
				for _, id := range tt.passkeys {
					w.put(t, factor.KindPasskey, id)
				}
				for _, id := range tt.logins {
					w.link(t, "corp", id)
				}
				var done atomic.Int32
				var wg sync.WaitGroup
				for _, remove := range []removal{tt.first, tt.second} {
					wg.Go(func() {
						err := w.db.Tx(t.Context(), func(ctx context.Context) error { return remove(ctx, w, w.ada) })
						switch {
						case err == nil:
							done.Add(1)
						case !errors.Is(err, factor.ErrLast) && !errors.Is(err, storage.ErrNotFound):
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := w.has(t); done.Load() != 1 || n[factor.KindPasskey]+n["corp"] != 1 || n["gone"] != 1 {
					t.Errorf("%d removed, left: %v", done.Load(), n)
				}
			})
		})
	}
}

func TestN09_ALoginThatIsNotUsableCanGo(t *testing.T) {
	w := openWays(t, storagetest.SQLite(t), factor.Optional)
	w.link(t, "gone", "old")
	w.link(t, "corp", "login")
	if _, err := w.db.DeleteCredentials(t.Context(), "ada", factor.KindPassword); err != nil {
		t.Fatal(err)
	}
	unlink := func(id string) error {
		return w.in(t, func(ctx context.Context) error {
			_, err := w.UnlinkIdentity(ctx, userstest.Permit(t, w.ada, factor.UnlinkLogin), id)
			return err
		})
	}
	// A permit of a session needs no factor here: Ada has none.
	if err := unlink("login"); !errors.Is(err, factor.ErrLast) {
		t.Errorf("the only usable one: %v", err)
	}
	if err := unlink("old"); err != nil {
		t.Errorf("one that is not usable: %v", err)
	}
	if err := unlink("old"); !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, factor.ErrLast) {
		t.Errorf("twice: %v", err)
	}
}

func TestG05_WhoMustHaveASecondFactorKeepsTheLast(t *testing.T) {
	w := openWays(t, storagetest.SQLite(t), factor.Everyone)
	w.put(t, factor.KindTOTP, "app")
	w.put(t, factor.KindPasskey, "key")
	in := func(f func(ctx context.Context) error) error { return w.in(t, f) }
	if err := in(func(ctx context.Context) error {
		return w.RemovePasskey(ctx, userstest.Permit(t, w.ada, factor.RemovePasskey), "key")
	}); err != nil {
		t.Fatal(err)
	}
	if err := in(func(ctx context.Context) error {
		return w.RemoveAuthenticator(ctx, userstest.Permit(t, w.ada, factor.RemoveAuthenticator))
	}); !errors.Is(err, factor.ErrNeeded) {
		t.Errorf("the last: %v", err)
	}
	if n := w.has(t); n[factor.KindTOTP] != 1 {
		t.Errorf("left: %v", n)
	}
}

func TestV03_AnAddressIsVerifiedByALinkAnUpstreamOrAnOperatorOnly(t *testing.T) {
	w := openWays(t, storagetest.SQLite(t), factor.Optional)
	to := factor.Address{Email: "new@example.com", Key: "new@example.com", Verified: true}
	set := func(p factor.Permit, to factor.Address) error {
		return w.in(t, func(ctx context.Context) error {
			_, err := w.SetAddress(ctx, p, to)
			return err
		})
	}
	session := userstest.Permit(t, w.ada, factor.ChangeAddress)
	if err := set(session, to); !errors.Is(err, factor.ErrNotAllowed) || w.user(t).Email != w.ada.Email {
		t.Errorf("by a session: %v, %+v", err, w.user(t))
	}
	unverified := to
	unverified.Verified = false
	if err := set(session, unverified); err != nil || w.user(t).Email != to.Email || w.user(t).EmailVerified {
		t.Errorf("by a session, not verified: %v, %+v", err, w.user(t))
	}
	link := factor.Proof{By: factor.ByLink, UserID: "ada", Acts: []factor.Act{factor.ChangeAddress, factor.VerifyAddress}}
	verify, err := factor.May(link, factor.VerifyAddress, factor.Account{})
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(t, func(ctx context.Context) error {
		return w.VerifyAddress(ctx, verify, factor.Address{Email: "x@example.com", Key: "x@example.com"})
	})
	if !errors.Is(err, factor.ErrChanged) || w.user(t).EmailVerified {
		t.Errorf("an address that is not theirs: %v", err)
	}
	change, err := factor.May(link, factor.ChangeAddress, factor.Account{})
	if err != nil {
		t.Fatal(err)
	}
	if err := set(change, to); err != nil || !w.user(t).EmailVerified {
		t.Errorf("by a link: %v, %+v", err, w.user(t))
	}
}

func TestG04_CodesOfATimeWithoutASecondFactorDie(t *testing.T) {
	w := openWays(t, storagetest.SQLite(t), factor.Optional)
	w.put(t, factor.KindRecovery, "planted")
	err := w.in(t, func(ctx context.Context) error {
		used, err := w.AddAuthenticator(ctx, userstest.Permit(t, w.ada, factor.AddAuthenticator), credentialOf(factor.KindTOTP, "app"),
			[]storage.Credential{credentialOf(factor.KindRecovery, "fresh")})
		if err == nil && !used {
			t.Error("the codes do not count")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.db.Credentials(t.Context(), "ada", factor.KindRecovery)
	if err != nil || len(list) != 1 || list[0].ID != "fresh" {
		t.Errorf("codes: %v, %v", list, err)
	}
}
