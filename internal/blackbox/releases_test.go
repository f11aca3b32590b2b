package blackbox

import (
	"os"
	"testing"

	"signet/internal/earlier"
	"signet/storage/storagetest"
)

// built builds the earlier releases; .ci/run full has the time.
func built(t *testing.T) map[string]string {
	t.Helper()
	if os.Getenv("SIGNET_TEST_RELEASES") == "" {
		t.Skip("SIGNET_TEST_RELEASES is not set: earlier releases are built in .ci/run full")
	}
	made := map[string]string{}
	for _, name := range earlier.Names() {
		bin, err := earlier.Build(t.Context(), name, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		made[name] = bin
	}
	return made
}

// On SQLite: an upgrade, a step back without a migration, and the upgrade again. Nothing acknowledged is lost at any of them.
func TestEarlierReleaseOpensTheSchemaOfToday(t *testing.T) {
	for name, older := range built(t) {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "")
			p := s.startOf(older, "")
			s.personOf(older, "ada@example.com")
			b, scopes := newBrowser(t, "ada@example.com"), []string{"openid", "profile", "email", "offline_access"}
			app := newApp(t, s.issuer, scopes...)
			first, err := app.login(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			published, token := kids(t, s.issuer), first.RefreshToken
			for _, then := range []string{binary, older, binary} {
				if err := p.interrupt(); err != nil {
					t.Fatal(err)
				}
				p = s.startOf(then, "")
				if now := kids(t, s.issuer); !subset(published, now) {
					t.Errorf("%s publishes %v, tokens are signed with %v", then, now, published)
				}
				next, err := app.refresh(t.Context(), token)
				if err != nil {
					t.Fatalf("%s: a refresh token of the other release: %v\n%s", then, err, p.out)
				}
				if _, err := app.login(t.Context(), b); err != nil {
					t.Fatalf("%s: sign-in with a session of the other release: %v\n%s", then, err, p.out)
				}
				if _, err := app.login(t.Context(), newBrowser(t, "ada@example.com")); err != nil {
					t.Fatalf("%s: %v\n%s", then, err, p.out)
				}
				token = next.RefreshToken
			}
		})
	}
}

// On Postgres: the earlier release beside that of today, as in a rolling upgrade.
func TestTwoReleasesBesideOneAnother(t *testing.T) {
	for name, older := range built(t) {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, storagetest.PostgresDSN(t))
			one := s.startOf(older, "")
			s.personOf(older, "ada@example.com")
			two := s.startOf(binary, freeAddress(t)) // it migrates beside the other
			b := newBrowser(t, "ada@example.com")
			app := newApp(t, s.issuer, "openid", "profile", "email", "offline_access")
			for _, way := range [][2]string{{one.url, two.url}, {two.url, one.url}} {
				code, verifier, err := app.at(way[0]).authorize(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				token, err := app.at(way[1]).exchange(t.Context(), code, verifier)
				if err != nil {
					t.Fatalf("a code of the other release: %v\n%s\n%s", err, one.out, two.out)
				}
				next := raceRefresh(t, app, []string{one.url, two.url}, token.RefreshToken)
				next = raceRefresh(t, app, []string{two.url, one.url}, next)
				if _, err := app.at(way[1]).exchange(t.Context(), code, verifier); oauthError(err) != "invalid_grant" {
					t.Fatalf("a code a second time: %v", err)
				}
				for _, at := range way { // the code was stolen: its grant ends at both (RFC 6749 §4.1.2)
					if _, err := app.at(at).refresh(t.Context(), next); oauthError(err) != "invalid_grant" {
						t.Errorf("%s: refresh of a grant that has ended: %v", at, err)
					}
				}
			}
			one.kill()
			if one = s.startOf(older, ""); !subset(kids(t, one.url), kids(t, two.url)) {
				t.Error("the two publish other keys")
			}
			if _, err := app.at(one.url).login(t.Context(), b); err != nil {
				t.Errorf("the earlier release, started again on the schema of today: %v\n%s", err, one.out)
			}
		})
	}
}

func subset(some, all []string) bool {
	seen := map[string]bool{}
	for _, s := range all {
		seen[s] = true
	}
	for _, s := range some {
		if !seen[s] {
			return false
		}
	}
	return true
}
