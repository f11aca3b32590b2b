package clients_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/storage"
	"signet/storage/storagetest"
)

const issuer = "https://id.example.com"

func registry(t testing.TB, db clients.Store, declared ...clients.Metadata) *clients.Registry {
	t.Helper()
	r, err := clients.New(t.Context(), clients.Options{Store: db, Declared: declared, Issuer: issuer,
		Resources:  []clients.Resource{{Identifier: "https://api.example.com/", Name: "API", Scopes: []string{"api:read"}}},
		SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shop(id string) clients.Metadata {
	return clients.Metadata{ClientID: id, ClientName: "Shop", RedirectURIs: []string{"https://" + id + ".example/cb"},
		Scope: "openid api:read"}
}

func declared(id, secret string) clients.Metadata {
	m := shop(id)
	m.ClientSecret = secret
	return m
}

var secret = strings.Repeat("s3cr3t-", 6)

func TestLifeOfAClient(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		ctx := t.Context()
		db := open(t)
		r := registry(t, db)
		made, err := r.Create(ctx, shop("shop"))
		if err != nil || len(made.ClientSecret) < 40 {
			t.Fatalf("create: %+v %v", made, err)
		}
		if _, err := r.Create(ctx, shop("shop")); !errors.Is(err, clients.ErrTaken) {
			t.Errorf("twice: %v", err)
		}
		c, err := r.Client(ctx, "shop")
		if err != nil || c.ClientSecret != "" || !r.CheckSecret(ctx, c, made.ClientSecret) || r.CheckSecret(ctx, c, made.ClientSecret+"x") ||
			r.CheckSecret(ctx, c, "") {
			t.Fatalf("secret of %+v: %v", c, err)
		}
		second, err := r.RotateSecret(ctx, "shop", time.Hour) // J02: two live
		if err != nil {
			t.Fatal(err)
		}
		if c, _ = r.Client(ctx, "shop"); !r.CheckSecret(ctx, c, made.ClientSecret) || !r.CheckSecret(ctx, c, second) {
			t.Error("both secrets live during rotation")
		}
		if second, err = r.RotateSecret(ctx, "shop", 0); err != nil {
			t.Fatal(err)
		}
		if c, _ = r.Client(ctx, "shop"); r.CheckSecret(ctx, c, made.ClientSecret) || !r.CheckSecret(ctx, c, second) {
			t.Error("--keep 0s ends the others at once")
		}
		row, secrets, err := db.ClientByID(ctx, "shop") // S06
		if err != nil || bytes.Contains(row.Metadata, []byte("sgn_")) ||
			slices.ContainsFunc(secrets, func(s storage.ClientSecret) bool { return strings.Contains(s.MAC, second) }) {
			t.Errorf("the secret is in the database: %s %v", row.Metadata, err)
		}
		if err := r.SetDisabled(ctx, "shop", true); err != nil {
			t.Fatal(err)
		}
		if c, _ = r.Client(ctx, "shop"); c.Enabled() || r.OriginAllowed(ctx, "https://shop.example") {
			t.Error("still enabled")
		}
		if err := r.SetDisabled(ctx, "shop", false); err != nil || !r.OriginAllowed(ctx, "https://shop.example") ||
			r.OriginAllowed(ctx, "https://shop.example.evil.example") {
			t.Errorf("origins: %v", err)
		}
		changed := shop("shop")
		changed.ClientName = "Other"
		if err := r.Update(ctx, changed); err != nil {
			t.Fatal(err)
		}
		if c, _ = r.Client(ctx, "shop"); c.ClientName != "Other" || !r.CheckSecret(ctx, c, second) {
			t.Error("update lost the name or the secret")
		}
		if err := r.Delete(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Client(ctx, "shop"); !errors.Is(err, clients.ErrUnknown) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestDeclaredWinsOverStored(t *testing.T) {
	db := storagetest.SQLite(t)
	ctx := t.Context()
	if _, err := registry(t, db).Create(ctx, shop("shop")); err != nil {
		t.Fatal(err)
	}
	r := registry(t, db, declared("shop", secret))
	c, err := r.Client(ctx, "shop")
	if err != nil || !c.Declared || !r.CheckSecret(ctx, c, secret) {
		t.Fatalf("%+v %v", c, err)
	}
	for name, err := range map[string]error{"update": r.Update(ctx, shop("shop")), "disable": r.SetDisabled(ctx, "shop", true),
		"delete": r.Delete(ctx, "shop")} {
		if !errors.Is(err, clients.ErrDeclared) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := r.List(ctx); err != nil || len(all) != 1 {
		t.Errorf("listed %d times: %v", len(all), err)
	}
	if _, err := registry(t, db, declared("gone", secret)).Client(ctx, "gone2"); !errors.Is(err, clients.ErrUnknown) {
		t.Errorf("removed from the file: %v", err)
	}
}

func TestK05_IdentifiersDoNotCollide(t *testing.T) {
	db := storagetest.SQLite(t)
	r := registry(t, db)
	for _, id := range []string{issuer, "https://api.example.com", "https://api.example.com/"} {
		if _, err := r.Create(t.Context(), shop(id)); err == nil {
			t.Errorf("client id %q taken", id)
		}
	}
	if err := r.PutResource(t.Context(), clients.Resource{Identifier: issuer, Name: "x"}); err == nil {
		t.Error("the issuer as resource")
	}
	if err := r.PutResource(t.Context(), clients.Resource{Identifier: "https://x.example", Scopes: []string{"openid"}}); err == nil {
		t.Error("a resource took openid")
	}
	if _, err := clients.New(t.Context(),
		clients.Options{Store: db, Issuer: issuer, Declared: []clients.Metadata{declared("a", secret), declared("a", secret), {ClientID: "b"}},
			SecretKeys: [][]byte{{1}}}); err == nil ||
		!strings.Contains(err.Error(), "declared twice") || !strings.Contains(err.Error(), "clients[2]") {
		t.Errorf("mistakes in what is declared: %v", err)
	}
}

func TestAnotherReplicasChangeIsSeen(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, ctx := open(t), t.Context()
		one, two := registry(t, db), registry(t, db)
		see := func(r *clients.Registry) {
			t.Helper()
			v, err := db.Versions(ctx)
			if err == nil {
				err = r.Refresh(ctx, v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := two.Client(ctx, "shop"); !errors.Is(err, clients.ErrUnknown) { // remembered as unknown
			t.Fatal(err)
		}
		if _, err := one.Create(ctx, shop("shop")); err != nil {
			t.Fatal(err)
		}
		see(two)
		if _, err := two.Client(ctx, "shop"); err != nil {
			t.Errorf("made elsewhere: %v", err)
		}
		// B5
		words := map[string]clients.ScopeDetails{
			"b": {Title: clients.Text{"": "Read", "de": "Lesen"}, Description: clients.Text{"": "x"}, Sensitive: true}}
		if err := one.PutResource(ctx,
			clients.Resource{Identifier: "https://b.example", Name: "B", Scopes: []string{"b", "c"}, Details: words}); err != nil {
			t.Fatal(err)
		}
		see(two)
		if got, ok := two.Resources().Find("https://b.example/"); !ok || !two.Resources().Known("b") || !reflect.DeepEqual(got.Details, words) {
			t.Errorf("resource made elsewhere: %+v", got)
		}
		if err := one.Delete(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		see(two)
		if _, err := two.Client(ctx, "shop"); !errors.Is(err, clients.ErrUnknown) {
			t.Errorf("deleted elsewhere: %v", err)
		}
	})
}

// away is a store that cannot be reached.
type away struct{ *storage.DB }

func (away) ClientByID(context.Context, string) (storage.Client, []storage.ClientSecret, error) {
	return storage.Client{}, nil, storage.ErrUnavailable
}

func TestA18_UnreachableDatabaseIsNoUnknownClient(t *testing.T) {
	r := registry(t, away{storagetest.SQLite(t)})
	if _, err := r.Client(t.Context(), "shop"); !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, clients.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// counted is a store whose reads of clients are counted.
type counted struct {
	*storage.DB
	reads *int
}

func (c counted) ClientByID(ctx context.Context, id string) (storage.Client, []storage.ClientSecret, error) {
	*c.reads++
	return c.DB.ClientByID(ctx, id)
}

// TestRemembersAsksNobody: what is asked after a refusal must not be a load of reads, nor wait for a database that hangs (rule V06).
func TestRemembersAsksNobody(t *testing.T) {
	db, reads := storagetest.SQLite(t), 0
	if _, err := registry(t, db).Create(t.Context(), shop("shop")); err != nil {
		t.Fatal(err)
	}
	r := registry(t, counted{db, &reads}, declared("web", "a-secret-of-more-than-thirty-two-characters"))
	if r.Remembers("shop") || r.Remembers("none") || r.Remembers("") || !r.Remembers("web") || reads != 0 {
		t.Errorf("before anybody came: %d reads", reads)
	}
	for _, id := range []string{"shop", "none"} {
		if _, err := r.Client(t.Context(), id); err != nil && !errors.Is(err, clients.ErrUnknown) {
			t.Fatal(err)
		}
	}
	before := reads
	if !r.Remembers("shop") || r.Remembers("none") || reads != before {
		t.Errorf("after they came: %d reads more", reads-before)
	}
}

func TestUseOfASecretIsNotedOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, ctx := storagetest.SQLite(t), t.Context()
		r := registry(t, db)
		made, err := r.Create(ctx, shop("shop"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.Client(ctx, "shop")
		if err != nil {
			t.Fatal(err)
		}
		used := func() time.Time {
			synctest.Wait()
			_, secrets, err := db.ClientByID(ctx, "shop")
			if err != nil {
				t.Fatal(err)
			}
			return secrets[0].LastUsedAt
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { r.CheckSecret(ctx, c, made.ClientSecret) })
		}
		wg.Wait()
		first := used()
		time.Sleep(59 * time.Minute)
		r.CheckSecret(ctx, c, made.ClientSecret)
		if first.IsZero() || !used().Equal(first) {
			t.Errorf("first %v, within the hour %v", first, used())
		}
		time.Sleep(2 * time.Minute)
		r.CheckSecret(ctx, c, made.ClientSecret)
		if !used().After(first) {
			t.Error("not noted again after an hour")
		}
	})
}

func TestAudience(t *testing.T) { // RFC 8707 section 2
	db := storagetest.SQLite(t)
	r := registry(t, db)
	for _, res := range []clients.Resource{{Identifier: "https://b.example", Name: "B", Scopes: []string{"b", "shared"}},
		{Identifier: "https://c.example", Name: "C", Scopes: []string{"c", "shared"}}} {
		if err := r.PutResource(t.Context(), res); err != nil {
			t.Fatal(err)
		}
	}
	m := shop("shop")
	m.Scope = "openid profile offline_access api:read b shared"
	if _, err := r.Create(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	const a, b = "https://api.example.com/", "https://b.example"
	tests := map[string]struct {
		ask    clients.Ask
		aud    string
		scopes string
	}{
		"nothing":            {clients.Ask{}, issuer, ""},
		"default":            {clients.Ask{Default: "https://d.example"}, "https://d.example", ""},
		"openid":             {clients.Ask{Scopes: []string{"openid", "profile"}}, issuer, "openid profile"},
		"owner of a scope":   {clients.Ask{Scopes: []string{"api:read"}}, a, "api:read"},
		"owner and openid":   {clients.Ask{Scopes: []string{"openid", "api:read"}}, a + " " + issuer, "openid api:read"},
		"two owners":         {clients.Ask{Scopes: []string{"shared"}}, b + " https://c.example", "shared"},
		"named at authorize": {clients.Ask{Scopes: []string{"api:read", "b"}, Granted: []string{b}}, b, "b"},
		"narrowed at the token": {clients.Ask{Scopes: []string{"openid", "api:read", "b"}, Granted: []string{a, b}, Requested: []string{b}},
			b, "b"},
		"slash tolerated":           {clients.Ask{Scopes: []string{"api:read"}, Requested: []string{"https://api.example.com"}}, a, "api:read"},
		"slash added":               {clients.Ask{Scopes: []string{"b"}, Requested: []string{b + "/"}}, b, "b"},
		"named twice":               {clients.Ask{Scopes: []string{"b"}, Requested: []string{b, b + "/"}}, b, "b"},
		"not granted":               {clients.Ask{Scopes: []string{"b"}, Granted: []string{b}, Requested: []string{a}}, "", ""},
		"unknown":                   {clients.Ask{Requested: []string{"https://nope.example"}}, "", ""},
		"not for this client":       {clients.Ask{Requested: []string{"https://nobody.example"}}, "", ""},
		"issuer by name":            {clients.Ask{Scopes: []string{"openid"}, Requested: []string{issuer + "/"}}, issuer, "openid"},
		"no part of a grant":        {clients.Ask{Grant: true, Scopes: []string{"b"}, Requested: []string{a}}, "", ""},
		"offline without openid":    {clients.Ask{Scopes: []string{"offline_access", "b"}}, b, "offline_access b"},
		"prefix is no match":        {clients.Ask{Requested: []string{b + "/x"}}, "", ""},
		"one granted, now unknown":  {clients.Ask{Scopes: []string{"b"}, Granted: []string{b, "https://gone.example"}}, b, "b"},
		"all granted are unknown":   {clients.Ask{Scopes: []string{"b"}, Granted: []string{"https://gone.example"}}, "", ""},
		"case differs":              {clients.Ask{Requested: []string{"HTTPS://B.example"}}, b, ""},
		"empty name is no resource": {clients.Ask{Requested: []string{""}}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.ask.Client, tt.ask.Issuer = c, issuer
			got, err := r.Resources().Decide(tt.ask)
			if tt.aud == "" {
				if !errors.Is(err, clients.ErrTarget) {
					t.Errorf("got %+v %v, want ErrTarget", got, err)
				}
				return
			}
			if err != nil || strings.Join(got.Audience, " ") != tt.aud || strings.Join(got.Scopes, " ") != tt.scopes {
				t.Errorf("got %+v %v, want %q and %q", got, err, tt.aud, tt.scopes)
			}
		})
	}
}
