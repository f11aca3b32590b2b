package blackbox

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"signet/storage/storagetest"
)

// twoReplicas starts two processes on one Postgres; both have the same issuer.
func twoReplicas(t *testing.T) (s *site, one, two *server) { return twoReplicasWith(t, "") }

// twoReplicasWith has further lines of configuration.
func twoReplicasWith(t *testing.T, more string) (s *site, one, two *server) {
	t.Helper()
	s = newSiteWith(t, storagetest.PostgresDSN(t), more)
	// Both at once: one migrates and makes the keys, the other waits.
	one, two = s.launch(binary, ""), s.launch(binary, freeAddress(t))
	one.ready()
	two.ready()
	s.person("ada@example.com")
	return s, one, two
}

func TestTwoReplicasOneTruth(t *testing.T) {
	s, one, two := twoReplicas(t)
	b := newBrowser(t, "ada@example.com")
	app := newApp(t, s.issuer, "openid", "profile", "email", "offline_access")

	t.Run("a code from one is redeemed at the other, once", func(t *testing.T) {
		code, verifier, err := app.at(one.url).authorize(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var won, refused int
		var wg sync.WaitGroup
		for i := range 10 {
			at := app.at([]string{one.url, two.url}[i%2])
			wg.Go(func() {
				_, err := at.exchange(t.Context(), code, verifier)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case oauthError(err) == "invalid_grant":
					refused++
				default:
					t.Errorf("a loser got %v", err)
				}
			})
		}
		wg.Wait()
		if won != 1 || refused != 9 {
			t.Fatalf("%d won and %d were refused, want 1 and 9", won, refused)
		}
	})

	t.Run("a refresh raced across both has one successor", func(t *testing.T) {
		token, err := app.at(two.url).login(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		refreshed := raceRefresh(t, app, []string{one.url, two.url}, token.RefreshToken)
		if _, err := app.at(one.url).refresh(t.Context(), refreshed); err != nil {
			t.Fatalf("the successor: %v", err)
		}
	})

	t.Run("a key rotation is seen by both", func(t *testing.T) {
		before := kids(t, one.url)
		s.cli(nil, "key", "rotate", "ES256", "--emergency", "--json")
		deadline := time.Now().Add(time.Minute)
		for {
			a, b := kids(t, one.url), kids(t, two.url)
			if slices.Equal(a, b) && !slices.Equal(a, before) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("before %v, one has %v, two has %v", before, a, b)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})

	t.Run("a person disabled at the command line is refused by both", func(t *testing.T) {
		token, err := app.at(one.url).login(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		s.cli(nil, "user", "disable", "--email", "ada@example.com", "--json")
		for _, at := range []string{one.url, two.url} {
			if _, err := app.at(at).refresh(t.Context(), token.RefreshToken); oauthError(err) != "invalid_grant" {
				t.Errorf("%s: refresh of a disabled person: %v", at, err)
			}
		}
	})
}

// raceRefresh presents one refresh token 20 times at once and returns the one successor all must have got.
func raceRefresh(t *testing.T, a *app, at []string, token string) string {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			next, err := a.at(at[i%len(at)]).refresh(t.Context(), token)
			if err != nil {
				t.Errorf("refresh %d: %v", i, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[next.RefreshToken]++
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Fatalf("%d successors, want 1", len(got))
	}
	for next := range got {
		if next == token {
			t.Fatal("the refresh token was not rotated")
		}
		return next
	}
	return ""
}

func kids(t *testing.T, base string) []string {
	t.Helper()
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
		} `json:"keys"`
	}
	getJSON(t, base+"/oauth2/jwks", &set)
	var all []string
	for _, k := range set.Keys {
		all = append(all, k.KID)
	}
	slices.Sort(all)
	return all
}

// One person, 16 flows and refreshes at once: what Hydra on SQLite and Dex on Postgres fail at.
func TestSixteenAtOnceForOnePerson(t *testing.T) {
	engines := map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": storagetest.PostgresDSN,
	}
	for name, dsn := range engines {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, dsn(t))
			s.start("")
			s.person("ada@example.com")
			app := newApp(t, s.issuer, "openid", "offline_access")
			b := newBrowser(t, "ada@example.com")
			if _, err := app.login(t.Context(), b); err != nil { // sign in, allow
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					for range 3 {
						token, err := app.login(t.Context(), b)
						if err != nil {
							t.Errorf("code flow: %v", err)
							return
						}
						for range 3 {
							if token, err = app.refresh(t.Context(), token.RefreshToken); err != nil {
								t.Errorf("refresh: %v", err)
								return
							}
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Ctrl-C drains: a request under way is answered, then the process ends well.
func TestInterruptDrains(t *testing.T) {
	s := newSite(t, "")
	p := s.start("")
	res, err := http.Get(p.url + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := p.interrupt(); err != nil {
		t.Fatalf("ended with %v\n%s", err, p.out)
	}
}
