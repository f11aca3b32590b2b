package clients_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/storage"
	"signet/storage/storagetest"
)

func TestK01_KeysThatFitNoAlgorithmAreRefused(t *testing.T) { // RFC 8725 section 3.1
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key jose.JSONWebKey
		ok  bool
	}{
		"P-256":                 {jose.JSONWebKey{Key: p256.Public()}, true},
		"P-256, sig, ES256":     {jose.JSONWebKey{Key: p256.Public(), Use: "sig", Algorithm: "ES256"}, true},
		"P-384":                 {jose.JSONWebKey{Key: p384.Public()}, false},
		"for encryption":        {jose.JSONWebKey{Key: p256.Public(), Use: "enc"}, true},
		"alg of another family": {jose.JSONWebKey{Key: p256.Public(), Algorithm: "RS256"}, false},
	} {
		m := shop("shop")
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{tt.key}}
		if err := m.WithDefaults().Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGrantAndResponseTypesFitEachOther(t *testing.T) { // RFC 7591 section 2.1
	for name, tt := range map[string]struct {
		grants, responses []string
		ok                bool
	}{
		"code":                     {[]string{"authorization_code"}, []string{"code"}, true},
		"service":                  {[]string{"client_credentials"}, nil, true},
		"service that wants codes": {[]string{"client_credentials"}, []string{"code"}, false},
		"refresh alone":            {[]string{"refresh_token"}, nil, false},
		"refresh of a service":     {[]string{"client_credentials", "refresh_token"}, nil, false},
	} {
		m := shop("shop")
		m.GrantTypes, m.ResponseTypes = tt.grants, tt.responses
		if err := m.WithDefaults().Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakesComeInTheSameOrderEachTime(t *testing.T) {
	m := shop("shop")
	m.ClientURI, m.LogoURI, m.PolicyURI, m.TOSURI = "x", "x", "x", "x"
	m.IDTokenSignedResponseAlg, m.UserinfoSignedResponseAlg, m.AccessTokenSignedResponseAlg = "x", "x", "x"
	first := m.WithDefaults().Validate().Error()
	for range 20 {
		if again := m.WithDefaults().Validate().Error(); again != first {
			t.Fatalf("%s\n---\n%s", first, again)
		}
	}
}

func TestOriginsAreWrittenAsBrowsersDo(t *testing.T) { // RFC 6454 section 6.2
	db := storagetest.SQLite(t)
	m := declared("a", secret)
	m.RedirectURIs = []string{"https://App.Example:443/cb", "https://app.example:8443/cb", "http://localhost:80/cb", "http://[::1]:3000/cb"}
	r := registry(t, db, m)
	for origin, want := range map[string]bool{
		"https://app.example": true, "https://app.example:8443": true, "http://localhost": true, "http://[::1]:3000": true,
		"https://app.example:443": false, "https://App.Example": false, "http://app.example": false, "null": false, "": false,
	} {
		if got := r.OriginAllowed(t.Context(), origin); got != want {
			t.Errorf("%q: %v", origin, got)
		}
	}
}

func TestK05_ResourcesDoNotCollide(t *testing.T) {
	db := storagetest.SQLite(t)
	r := registry(t, db)
	if _, err := r.Create(t.Context(), shop("https://machine.example")); err != nil {
		t.Fatal(err)
	}
	if err := r.PutResource(t.Context(), clients.Resource{Identifier: "https://b.example", Name: "B"}); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"the issuer": issuer, "the issuer with a slash": issuer + "/", "a client": "https://machine.example",
		"a stored one with a slash": "https://b.example/", "a declared one without a slash": "https://api.example.com",
	} {
		if err := r.PutResource(t.Context(), clients.Resource{Identifier: id, Name: "x"}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := r.PutResource(t.Context(), clients.Resource{Identifier: "https://b.example", Name: "Better"}); err != nil {
		t.Errorf("change the name: %v", err)
	}
	// What is declared wins over what was stored before, in whatever spelling.
	if err := db.InsertResource(t.Context(),
		storage.Resource{Identifier: "https://api.example.com", Name: "Stored", Scopes: []string{"evil"}, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if api, ok := registry(t, db).Resources().Find("https://api.example.com"); !ok || api.Name != "API" || !api.Declared {
		t.Errorf("found %+v", api)
	}
	for name, o := range map[string]clients.Options{
		"twice":               {Resources: []clients.Resource{{Identifier: "https://a.example"}, {Identifier: "https://a.example/"}}},
		"issuer with a slash": {Resources: []clients.Resource{{Identifier: issuer + "/"}}},
		"client of the name": {Resources: []clients.Resource{{Identifier: "https://a.example"}},
			Declared: []clients.Metadata{declared("https://a.example", secret)}},
		"client as the issuer": {Declared: []clients.Metadata{declared(issuer, secret)}},
	} {
		o.Store, o.Issuer, o.SecretKeys = db, issuer, [][]byte{{1}}
		if _, err := clients.New(t.Context(), o); err == nil {
			t.Errorf("%s: declared all the same", name)
		}
	}
}

func TestS06_ADeclaredSecretLeavesTheRegistryNoMore(t *testing.T) {
	r := registry(t, storagetest.SQLite(t), declared("a", secret))
	c, err := r.Client(t.Context(), "a")
	if err != nil || c.ClientSecret != "" || !r.CheckSecret(t.Context(), c, secret) || r.CheckSecret(t.Context(), c, secret+"x") ||
		r.CheckSecret(t.Context(), c, "") {
		t.Errorf("%+v %v", c.Metadata, err)
	}
	if r.CheckSecret(t.Context(), nil, secret) || r.CheckSecret(t.Context(), nil, "") {
		t.Error("an unknown client has a secret")
	}
	public := shop("p")
	public.TokenEndpointAuthMethod = clients.MethodNone
	p, err := registry(t, storagetest.SQLite(t), public).Client(t.Context(), "p")
	if err != nil || r.CheckSecret(t.Context(), p, "") {
		t.Errorf("a public client has a secret: %v", err)
	}
}

func TestSecretsOutliveARotationOfTheMasterKey(t *testing.T) {
	db, ctx := storagetest.SQLite(t), t.Context()
	old, fresh := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	with := func(keys ...[]byte) *clients.Registry {
		t.Helper()
		r, err := clients.New(ctx, clients.Options{Store: db, Issuer: issuer, SecretKeys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	made, err := with(old).Create(ctx, shop("shop"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		r    *clients.Registry
		want bool
	}{"both": {with(fresh, old), true}, "new alone": {with(fresh), false}} {
		c, err := tt.r.Client(ctx, "shop")
		if err != nil || tt.r.CheckSecret(ctx, c, made.ClientSecret) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeletingADeclaredClientThatIsGoneEndsItsGrants(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, ctx, now := open(t), t.Context(), time.Now()
		if err := db.InsertUser(ctx,
			storage.User{ID: "ada", EmailKey: "ada@example.com", Email: "ada@example.com", Profile: json.RawMessage("{}"), CreatedAt: now,
				UpdatedAt: now}); err != nil {
			t.Fatal(err)
		}
		if err := db.InsertGrant(ctx,
			storage.Grant{ID: "g", ClientID: "gone", UserID: "ada", CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(time.Hour),
				EndsAt: now.Add(time.Hour), AuthTime: now, Data: json.RawMessage("{}")}); err != nil {
			t.Fatal(err)
		}
		r := registry(t, db)
		if err := r.Delete(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
		if s, err := db.GrantStateByID(ctx, "g"); err != nil || s.Grant.RevokedAt.IsZero() {
			t.Errorf("grant still lives: %+v %v", s.Grant, err)
		}
		if err := r.Delete(ctx, "gone"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}

// slow is a store whose reads of one client wait.
type slow struct {
	*storage.DB
	reading, resume chan struct{}
	reads           *sync.Map
}

func (s slow) ClientByID(ctx context.Context, id string) (storage.Client, []storage.ClientSecret, error) {
	c, secrets, err := s.DB.ClientByID(ctx, id)
	if s.reads != nil {
		s.reads.Store(rand.Text(), id)
	}
	if s.reading != nil {
		s.reading <- struct{}{}
		<-s.resume
	}
	return c, secrets, err
}

func TestAReadUnderWayDuringAChangeIsNotKept(t *testing.T) {
	db, ctx := storagetest.SQLite(t), t.Context()
	writer := registry(t, db)
	if _, err := writer.Create(ctx, shop("shop")); err != nil {
		t.Fatal(err)
	}
	s := slow{DB: db, reading: make(chan struct{}), resume: make(chan struct{})}
	r := registry(t, s)
	before := make(chan *clients.Client)
	go func() {
		c, _ := r.Client(ctx, "shop")
		before <- c
	}()
	<-s.reading // it has the row as it was
	if err := writer.SetDisabled(ctx, "shop", true); err != nil {
		t.Fatal(err)
	}
	v, err := db.Versions(ctx)
	if err == nil {
		err = r.Refresh(ctx, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := make(chan *clients.Client)
	go func() {
		c, _ := r.Client(ctx, "shop")
		after <- c
	}()
	<-s.reading // a read of its own: it does not join the one before the change
	s.resume <- struct{}{}
	s.resume <- struct{}{}
	if c := <-before; c == nil || !c.Enabled() {
		t.Errorf("the read under way: %+v", c)
	}
	if c := <-after; c == nil || c.Enabled() {
		t.Errorf("the read after the change: %+v", c)
	}
	if c, err := r.Client(ctx, "shop"); err != nil || c.Enabled() {
		t.Errorf("what is kept: %+v %v", c, err)
	}
}

func TestUnknownIdsPushOutNoClientAndAskOnce(t *testing.T) {
	db, ctx := storagetest.SQLite(t), t.Context()
	if _, err := registry(t, db).Create(ctx, shop("shop")); err != nil {
		t.Fatal(err)
	}
	s := slow{DB: db, reads: new(sync.Map)}
	r := registry(t, s)
	for range 3 {
		if _, err := r.Client(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6000 {
		if _, err := r.Client(ctx, "no "+strconv.Itoa(i)); !errors.Is(err, clients.ErrUnknown) { // no possible id: not even looked up
			t.Fatal(err)
		}
	}
	for range 3 {
		for i := range 40 {
			if _, err := r.Client(ctx, "nobody"+strconv.Itoa(i)); !errors.Is(err, clients.ErrUnknown) {
				t.Fatal(err)
			}
		}
		if _, err := r.Client(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	reads := 0
	s.reads.Range(func(any, any) bool { reads++; return true })
	if reads != 41 {
		t.Errorf("%d reads, want one for each of 41 ids", reads)
	}
}

func TestAChangeThatIsRolledBackIsForgotten(t *testing.T) {
	db, ctx := storagetest.SQLite(t), t.Context()
	r := registry(t, db)
	boom := errors.New("boom")
	err := db.Tx(ctx, func(ctx context.Context) error {
		if _, err := r.Create(ctx, shop("shop")); err != nil {
			return err
		}
		if _, err := r.Client(ctx, "shop"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	v, err := db.Versions(ctx)
	if err == nil {
		err = r.Refresh(ctx, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Client(ctx, "shop"); !errors.Is(err, clients.ErrUnknown) || r.OriginAllowed(ctx, "https://shop.example") {
		t.Errorf("a client that was never registered: %v", err)
	}
}

func TestAudienceIsBoundedByTheAuthorization(t *testing.T) { // RFC 8707 section 2.2
	db := storagetest.SQLite(t)
	m := declared("shop", secret)
	m.Scope = "openid api:read b"
	r := registry(t, db, m)
	if err := r.PutResource(t.Context(), clients.Resource{Identifier: "https://b.example", Name: "B", Scopes: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	const a, b = "https://api.example.com/", "https://b.example"
	for name, tt := range map[string]struct {
		ask  clients.Ask
		want string // "" = invalid_target
	}{
		"issuer, no openid granted": {clients.Ask{Grant: true, Scopes: []string{"b"}, Granted: []string{b}, Requested: []string{issuer}},
			""},
		"issuer, openid granted": {
			clients.Ask{Grant: true, Scopes: []string{"openid", "b"}, Granted: []string{b}, Requested: []string{issuer}}, issuer},
		"issuer as the default":          {clients.Ask{Grant: true, Requested: []string{issuer}}, issuer},
		"default beside a scope's owner": {clients.Ask{Grant: true, Default: a, Scopes: []string{"b"}, Requested: []string{a}}, ""},
		"the default":                    {clients.Ask{Grant: true, Default: a, Requested: []string{a}}, a},
		"a service names its API":        {clients.Ask{Scopes: []string{"b"}, Requested: []string{a}}, a},
	} {
		tt.ask.Client, tt.ask.Issuer = c, issuer
		got, err := r.Resources().Decide(tt.ask)
		if aud := strings.Join(got.Audience, " "); aud != tt.want || (err != nil) != (tt.want == "") ||
			err != nil && !errors.Is(err, clients.ErrTarget) {
			t.Errorf("%s: got %q %v, want %q", name, aud, err, tt.want)
		}
	}
}

func TestOriginsThatTheOperatorLists(t *testing.T) {
	r, err := clients.New(t.Context(), clients.Options{
		Store: storagetest.SQLite(t), Issuer: issuer, SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)},
		Origins: []string{"capacitor://localhost"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"capacitor://localhost": true, "capacitor://localhost/": false, "capacitor://evil": false, "Capacitor://localhost": false,
		"ionic://localhost": false, "null": false,
	} {
		if got := r.OriginAllowed(t.Context(), origin); got != want {
			t.Errorf("%q: %v", origin, got)
		}
	}
}
