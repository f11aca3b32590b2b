package federation

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/provider"
	"signet/users/ticket"
)

// pretend is a Provider that remembers what it was asked and says what it is told to.
type pretend struct {
	mu        sync.Mutex
	begun     []provider.AuthRequest
	completed []provider.AuthRequest
	identity  provider.Identity
	err       error
	tokens    func(refresh string) (provider.Tokens, error)
}

func (p *pretend) Begin(_ context.Context, a provider.AuthRequest) (*url.URL, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = append(p.begun, a)
	return &url.URL{Scheme: "https", Host: "up.example", RawQuery: "state=" + a.State}, nil
}

func (p *pretend) Complete(_ context.Context, a provider.AuthRequest, _ url.Values) (provider.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.completed = append(p.completed, a)
	return p.identity, p.err
}

func (p *pretend) Check(context.Context, string) []provider.Finding { return nil }

func (p *pretend) Refresh(_ context.Context, token string) (provider.Tokens, error) {
	return p.tokens(token)
}

// nobodyHere are people that there is none of.
type nobodyHere struct{ People }

type noDeletions struct{ Deletions }

func (nobodyHere) Show(context.Context, string) (storage.User, error) {
	return storage.User{}, users.ErrNotFound
}

type noSignup struct{ Signup }

type noProfiles struct{ Profiles }

type noMembers struct{ Members }

type noSessions struct{ Sessions }

// opened is a service with the upstreams a and b, which are pretended.
func opened(t *testing.T, db *storage.DB, keys ...[]byte) (*Service, *pretend) {
	t.Helper()
	master, err := seal.Parse(seal.Generate())
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := ticket.New(ticket.StoresOf(db), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) == 0 {
		keys = [][]byte{[]byte(rand.Text())}
	}
	settings := func(id string) Upstream {
		return Upstream{Settings: provider.Settings{ID: id, Kind: provider.KindFacebook, ClientID: "x", ClientSecret: "x"}, Name: id,
			KeepTokens: true}
	}
	ways, err := factor.NewWays(factor.WaysOptions{Stores: factor.StoresOf(db)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{
		Upstreams: []Upstream{settings("a"), settings("b")}, Client: &http.Client{},
		Callback: func(id string) string { return "https://id.example/" + id }, Stores: StoresOf(db),
		Ways: ways, Audit: audit.New(db), Tickets: tickets, People: nobodyHere{}, Signup: noSignup{}, Profiles: noProfiles{},
		Deletions: noDeletions{}, Members: noMembers{}, Sessions: noSessions{}, Sealer: master, Place: seal.Place, Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &pretend{identity: provider.Identity{Issuer: "https://up.example", Subject: "1"}}
	for _, u := range s.list {
		u.provider = p
	}
	return s, p
}

func begin(t *testing.T, s *Service, browser string) (state string) {
	t.Helper()
	to, err := s.Begin(t.Context(), LoginRequest{Upstream: "a", Purpose: ToSignIn, Browser: browser, Interaction: "e1"})
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("state")
}

func callbackOf(state string) url.Values { return url.Values{"state": {state}, "code": {"c"}} }

func TestN01_StateDiesAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		s, p := opened(t, db)
		state := begin(t, s, "chrome")
		time.Sleep(stateLife - time.Second)
		if a, err := s.Complete(t.Context(), "a", "chrome", callbackOf(state)); err != nil || a.Interaction != "e1" || a.Identity.Subject != "1" {
			t.Fatalf("%+v, %v", a, err)
		}
		if len(state) != 43 || p.begun[0].Nonce == p.begun[0].Verifier || len(p.begun[0].Verifier) != 43 ||
			p.begun[0].Nonce != p.completed[0].Nonce || p.begun[0].Verifier != p.completed[0].Verifier {
			t.Errorf("begun %+v, completed %+v", p.begun[0], p.completed[0])
		}
		state = begin(t, s, "chrome")
		time.Sleep(stateLife)
		if _, err := s.Complete(t.Context(), "a", "chrome", callbackOf(state)); !errors.Is(err, ErrExpired) {
			t.Errorf("too late: %v", err)
		}
		if _, err := s.Complete(t.Context(), "nowhere", "chrome", callbackOf(state)); !errors.Is(err, ErrUnknown) {
			t.Errorf("an upstream that is not there: %v", err)
		}
		if _, err := s.Begin(t.Context(), LoginRequest{Upstream: "a"}); !errors.Is(err, ErrExpired) {
			t.Errorf("without a browser: %v", err)
		}
	})
}

func TestStateSurvivesANewMasterKey(t *testing.T) { // replicas learn of it one after the other
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		old, fresh := []byte(rand.Text()), []byte(rand.Text())
		first, p := opened(t, db, old)
		second, q := opened(t, db, fresh, old)
		if _, err := second.Complete(t.Context(), "a", "chrome", callbackOf(begin(t, first, "chrome"))); err != nil ||
			q.completed[0].Verifier != p.begun[0].Verifier {
			t.Errorf("begun under the old key: %v", err)
		}
		third, _ := opened(t, db, fresh)
		if _, err := third.Complete(t.Context(), "a", "chrome", callbackOf(begin(t, first, "chrome"))); !errors.Is(err, ErrExpired) {
			t.Errorf("begun under a key that is gone: %v", err)
		}
	})
}

func TestNothingOfAStateIsStoredInClear(t *testing.T) { // S01
	db := storagetest.SQLite(t)
	s, p := opened(t, db)
	state := begin(t, s, "chrome")
	rows, err := db.TicketsOf(t.Context(), "chrome", string(purposeState), time.Now())
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	for _, secret := range []string{state, p.begun[0].Nonce, p.begun[0].Verifier} {
		if strings.Contains(string(rows[0].Data)+rows[0].SecretHash+rows[0].ID, secret) {
			t.Errorf("the row holds %q", secret)
		}
	}
}

func TestN11_ClassOfASignIn(t *testing.T) {
	for name, tt := range map[string]struct {
		trusted bool
		i       provider.Identity
		acr     string
		amr     string
	}{
		"plain":               {i: provider.Identity{}, acr: "1", amr: "fed"},
		"methods are told":    {i: provider.Identity{AMR: []string{"pwd", "otp"}}, acr: "1", amr: "fed pwd otp"},
		"mfa is not believed": {i: provider.Identity{AMR: []string{"pwd", "mfa"}, ACR: "phr"}, acr: "1", amr: "fed pwd"},
		"mfa is believed":     {trusted: true, i: provider.Identity{AMR: []string{"pwd", "mfa"}}, acr: "2", amr: "fed pwd mfa"},
		"acr is believed":     {trusted: true, i: provider.Identity{ACR: "2"}, acr: "2", amr: "fed mfa"},
		"one factor":          {trusted: true, i: provider.Identity{ACR: "1", AMR: []string{"pwd"}}, acr: "1", amr: "fed pwd"},
		"odd words": {i: provider.Identity{AMR: []string{"a b", "<x>", "", "fed", strings.Repeat("x", 25), "pwd"}}, acr: "1",
			amr: "fed pwd"},
		"many words": {i: provider.Identity{AMR: slices.Collect(func(yield func(string) bool) {
			for _, c := range "abcdefghijklmnop" {
				if !yield(string(c)) {
					return
				}
			}
		})}, acr: "1", amr: "fed a b c d e f g h"},
	} {
		u := &upstream{Upstream: Upstream{TrustSecondFactor: tt.trusted}}
		if acr, amr := u.classOf(tt.i); acr != tt.acr || strings.Join(amr, " ") != tt.amr {
			t.Errorf("%s: %s %v, want %s %s", name, acr, amr, tt.acr, tt.amr)
		}
	}
}

func TestTokensAreRenewedOnceTheyAreOld(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s, p := opened(t, db)
		now := time.Now()
		if err := db.InsertUser(t.Context(), storage.User{ID: "ada", Email: "a@x", EmailKey: "a@x", CreatedAt: now, UpdatedAt: now}); err != nil {
			t.Fatal(err)
		}
		keep := func(expires time.Time) {
			t.Helper()
			_ = db.DeleteIdentity(t.Context(), "i", "ada")
			sealed, err := s.sealTokens(s.byID["a"], "i", provider.Tokens{Access: "old", Refresh: "r1", ExpiresAt: expires})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.InsertIdentity(t.Context(),
				storage.Identity{ID: "i", Upstream: "a", Issuer: "x", Subject: "1", UserID: "ada", Tokens: sealed, CreatedAt: now}); err != nil {
				t.Fatal(err)
			}
		}
		var asked atomic.Int32
		p.tokens = func(refresh string) (provider.Tokens, error) {
			asked.Add(1)
			if refresh != "r1" {
				return provider.Tokens{}, provider.ErrUpstream
			}
			return provider.Tokens{Access: "new", ExpiresAt: time.Now().Add(time.Hour)}, nil // the refresh token stays
		}
		keep(now.Add(time.Hour))
		if got, err := s.Tokens(t.Context(), "ada", "a"); err != nil || got.Access != "old" || asked.Load() != 0 {
			t.Errorf("young: %+v, %v", got, err)
		}
		keep(now.Add(30 * time.Second))
		if got, err := s.Tokens(t.Context(), "ada", "a"); err != nil || got.Access != "new" || got.Refresh != "r1" {
			t.Errorf("old: %+v, %v", got, err)
		}
		if got, err := s.Tokens(t.Context(), "ada", "a"); err != nil || got.Access != "new" || asked.Load() != 1 {
			t.Errorf("again: %+v, %v, asked %d times", got, err, asked.Load())
		}
		keep(now)
		var wg sync.WaitGroup // many at once all get good ones
		for range 6 {
			wg.Go(func() {
				if got, err := s.Tokens(t.Context(), "ada", "a"); err != nil || got.Access != "new" {
					t.Errorf("at once: %+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		keep(now)
		p.tokens = func(string) (provider.Tokens, error) { return provider.Tokens{}, provider.ErrDown }
		if _, err := s.Tokens(t.Context(), "ada", "a"); !errors.Is(err, provider.ErrDown) {
			t.Errorf("down: %v", err)
		}
		p.tokens = func(string) (provider.Tokens, error) { return provider.Tokens{}, provider.ErrUpstream }
		if _, err := s.Tokens(t.Context(), "ada", "a"); !errors.Is(err, ErrNoTokens) {
			t.Errorf("refused: %v", err)
		}
		if row, err := s.linked(t.Context(), "ada", "a"); err != nil || row.Tokens != nil {
			t.Errorf("what is good no more is kept: %v", err)
		}
		if _, err := s.Tokens(t.Context(), "ada", "b"); !errors.Is(err, ErrUnknown) {
			t.Errorf("of an upstream that is not theirs: %v", err)
		}
	})
}
