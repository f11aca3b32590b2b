package server_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/config"
	"signet/internal/reseal"
	"signet/internal/seal"
	"signet/oauth/tokens"
	"signet/server"
	"signet/server/servertest"
	"signet/storage"
)

// listed configures master keys; "old" is the one that every test server has.
func listed(t *testing.T, keys ...string) servertest.Option {
	t.Helper()
	return servertest.Change(func(c *config.Config) {
		old := c.MasterKey.Reveal()
		for i, k := range keys {
			if k == "old" {
				keys[i] = old
			}
		}
		c.MasterKey = config.NewSecret(strings.Join(keys, ","))
	})
}

// sealedAs puts a value that opens into each sealed column but the keys and the authenticator app, and returns their rows.
func sealedAs(t *testing.T, s *servertest.Server, userID string) {
	t.Helper()
	h, ctx := s.Services(), t.Context()
	text, err := h.Master.Seal([]byte("{}"), seal.Place("messages", "m1", "sealed"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := h.DB.InsertMessage(ctx,
		storage.Message{ID: "m1", Kind: "reset", Sealed: text, DueAt: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	kept, err := h.Master.Seal([]byte(`{"access":"a"}`), seal.Place("identities", "i1", "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.DB.InsertIdentity(ctx,
		storage.Identity{ID: "i1", Upstream: "work", Issuer: "https://w", Subject: "7", UserID: userID, Tokens: kept,
			CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
}

// secondStep signs in with password and authenticator app.
func secondStep(t *testing.T, s *servertest.Server, p servertest.Person, code string) *servertest.Browser {
	t.Helper()
	b := s.Browser(t).Get(t, "/account").SignIn(t, p)
	return b.Submit(t, "", url.Values{"code": {code}})
}

func TestV09_RotateTheMasterKey(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		t.Parallel()
		fresh := seal.Generate()
		before := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		db := before.Services().DB
		p := before.Person(t, "ada@example.com")
		made := before.App(t, "shop")
		device := before.AddAuthenticator(t, p)
		sealedAs(t, before, p.ID)
		on := func(keys ...string) *servertest.Server {
			return servertest.New(t, servertest.On(db), servertest.HandlerOnly(), servertest.Quiet(), listed(t, keys...))
		}
		other := before.Person(t, "bob@example.com")
		given := made.Login(t, before.Browser(t), other)
		idle := made.Login(t, before.Browser(t), other)

		// Step 1: the new key last, everywhere. Step 2: the new key first, one replica after the other.
		one, two := on("old", fresh), on("old", fresh)
		given = one.Declared(made.Metadata).Refresh(t, given.RefreshToken)
		one = on(fresh, "old")
		given = one.Declared(made.Metadata).Refresh(t, given.RefreshToken) // signed with the new key …
		given = two.Declared(made.Metadata).Refresh(t, given.RefreshToken) // … taken by who has it last, and back
		given = one.Declared(made.Metadata).Refresh(t, given.RefreshToken)
		two = on(fresh, "old")
		given = two.Declared(made.Metadata).Refresh(t, given.RefreshToken) // the client's secret moves when it is used
		two.Services().Clients.Close()                                     // waits for that

		// Step 3: reseal, beside the servers. A second run has nothing to do.
		moved, err := one.Services().Reseal(t.Context())
		if err != nil || moved.Rows < 3 || len(moved.Damaged) > 0 {
			t.Fatalf("resealed %+v, %v; want the email, the tokens and the authenticator app at least", moved, err)
		}
		again, err := two.Services().Reseal(t.Context())
		if err != nil || again.Rows != 0 {
			t.Errorf("a second run moved %+v, %v", again, err)
		}
		for _, l := range again.Left {
			t.Errorf("left under the old key: %+v", l)
		}

		// Step 4: without the old key.
		forger := before.Services() // who holds the old key
		alone := on(fresh)
		if b := secondStep(t, alone, p, device.Code(t)); b.Status != 200 || b.URL.Path != "/account" {
			t.Errorf("authenticator app after the old key went: %d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		app := alone.Declared(made.Metadata)
		forged := forge(t, forger, made.Metadata, given.RefreshToken)
		_, err = app.TryRefresh(t.Context(), forged)
		servertest.Refused(t, err, "invalid_grant")
		_, err = app.TryRefresh(t.Context(), idle.RefreshToken)
		servertest.Refused(t, err, "invalid_grant")
		app.Refresh(t, given.RefreshToken) // nothing was revoked
	})
}

// forge signs the next generation of a refresh token, with the keys of h.
func forge(t *testing.T, h *server.Services, m clients.Metadata, like string) string {
	t.Helper()
	parts := strings.Split(like, ".")
	var r tokens.Refresh
	decodeSegment(t, parts[1], &r)
	r.Generation++
	token, err := h.Keys.SignRefresh(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := forgeable(h, token); err != nil || got.ClientID != m.ClientID {
		t.Fatalf("the forged token is no token at all: %+v, %v", got, err)
	}
	return token
}

func forgeable(h *server.Services, token string) (r tokens.Refresh, err error) {
	return r, h.Keys.VerifyRefresh(token, &r)
}

func TestV09_StartIsRefusedWithIDsAndCounts(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		t.Parallel()
		fresh := seal.Generate()
		before := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		p := before.Person(t, "ada@example.com")
		before.AddAuthenticator(t, p)
		sealedAs(t, before, p.ID)
		db := before.Services().DB
		rotated := servertest.New(t, servertest.On(db), servertest.HandlerOnly(), servertest.Quiet(), listed(t, fresh, "old"))
		if err := rotated.Services().Keys.Tick(t.Context(), time.Now()); err != nil { // the signing keys move by themselves
			t.Fatal(err)
		}
		h, err := openWith(t, db, fresh)
		if err == nil {
			_, err = server.New(h)
		}
		if !errors.Is(err, reseal.ErrUnlisted) {
			t.Fatalf("got %v, want ErrUnlisted", err)
		}
		id := before.Services().Master.IDs()[0]
		for _, want := range []string{id + " (1 in messages.sealed)", id + " (1 in credentials.data)", id + " (1 in identities.tokens)",
			id + " (1 in salts.sealed)", "key reseal"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in: %v", want, err)
			}
		}
		// A lost key: what it sealed is given up, and only with its id.
		if _, err := h.DropSealed(t.Context(), h.Master.IDs()[0]); err == nil {
			t.Error("what a listed key sealed was dropped")
		}
		if n, err := h.DropSealed(t.Context(), id); err != nil || n != 4 {
			t.Errorf("dropped %d, %v; want 4", n, err)
		}
		if _, err := server.New(h); err != nil {
			t.Errorf("after the drop: %v", err)
		}
		if list, err := db.Credentials(t.Context(), p.ID, "totp"); err != nil || len(list) != 1 {
			t.Errorf("the second factor of %s is gone: %v %v", p.Email, list, err)
		}
	})
}

// openWith opens the services on a database with one master key.
func openWith(t *testing.T, db *storage.DB, key string) (*server.Services, error) {
	t.Helper()
	c, err := config.Load(
		config.Sources{Issuer: "https://id.example.com", Data: filepath.Join(t.TempDir(), "d"), Environ: []string{"SIGNET_MASTER_KEY=" + key}})
	if err != nil {
		t.Fatal(err)
	}
	return server.Open(t.Context(), server.Options{Config: c, DB: db})
}

func TestV09_DamagedRowIsAnErrorForThatRowOnly(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		t.Parallel()
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		db := s.Services().DB
		ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
		broken, whole := s.AddAuthenticator(t, ada), s.AddAuthenticator(t, bob)
		list, err := db.Credentials(t.Context(), ada.ID, "totp")
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.RawStdEncoding.DecodeString(list[0].Data)
		raw[len(raw)-1] ^= 1
		if err := db.UseCredential(t.Context(), list[0].ID, base64.RawStdEncoding.EncodeToString(raw), list[0].Counter, 0,
			time.Now()); err != nil {
			t.Fatal(err)
		}
		two := servertest.New(t, servertest.On(db), servertest.HandlerOnly(), servertest.Quiet(), listed(t, seal.Generate(), "old"))
		moved, err := two.Services().Reseal(t.Context())
		if err != nil || len(moved.Damaged) != 1 || moved.Damaged[0].Row != list[0].ID {
			t.Fatalf("resealed %+v, %v; want the damaged row told", moved, err)
		}
		keys, found, err := server.MasterKeys(t.Context(), two.Services().Config, db, 1000)
		if err != nil || len(found) != 1 || len(keys) != 2 || !keys[0].First || len(keys[1].Left) != 1 || keys[1].Left[0].Rows != 1 {
			t.Errorf("found %+v %+v, %v; want the damaged value under the old key", keys, found, err)
		}
		if b := secondStep(t, two, bob, whole.Code(t)); b.URL.Path != "/account" || b.Status != 200 {
			t.Errorf("bob is at %s (%d)", b.URL, b.Status)
		}
		b := secondStep(t, two, ada, servertest.TOTP(t, broken.Secret))
		if b.Status != 503 || !strings.Contains(b.Text("main"), "cannot be checked right now") {
			t.Errorf("ada sees %d: %s", b.Status, b.Text("main"))
		}
		if err := two.Services().Close(); err != nil { // waits for the event
			t.Fatal(err)
		}
	})
}

func TestV09_EventOfAnUnreadableValue(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	ada := s.Person(t, "ada@example.com")
	device := s.AddAuthenticator(t, ada)
	db := s.Services().DB
	list, err := db.Credentials(t.Context(), ada.ID, "totp")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.UseCredential(t.Context(), list[0].ID, "AAAA", list[0].Counter, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	secondStep(t, s, ada, servertest.TOTP(t, device.Secret))
	secondStep(t, s, ada, servertest.TOTP(t, device.Secret))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		n := countEvents(t, db, audit.SealedUnreadable)
		if n == 1 {
			return
		}
		if n > 1 || time.Now().After(deadline) {
			t.Fatalf("%d events, want one a row", n)
		}
	}
}

func countEvents(t *testing.T, db *storage.DB, name audit.Name) (n int) {
	t.Helper()
	list, err := db.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name == string(name) {
			n++
		}
	}
	return n
}

func decodeSegment(t *testing.T, segment string, out any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}
