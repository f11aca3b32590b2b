package consent_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestOnlyWhatIsNewIsTheQuestion: what was allowed before is told apart from it; without anything new, everything is the question.
func TestOnlyWhatIsNewIsTheQuestion(t *testing.T) {
	app := apps(t)
	const api, files = "https://api.example.com", "https://files.example.com"
	now := time.Now()
	runs := storage.Consent{AgentUntil: now.Add(72 * time.Hour), AgentCalls: 100, UpdatedAt: now}
	for name, tt := range map[string]struct {
		app, asked, offered, granted string
		resources, seen              []string
		claims                       string
		row                          storage.Consent
		before                       string
		kept                         bool
	}{
		"first time": {asked: "openid api:read"},
		"a scope": {asked: "openid api:read api:write", offered: "openid api:read", granted: "openid api:read",
			before: "openid api:read"},
		"a claim":               {asked: "openid", claims: `{"userinfo":{"email":null}}`, offered: "openid", granted: "openid", before: "openid"},
		"nothing (consent)":     {asked: "openid api:read", offered: "openid api:read", granted: "openid api:read"},
		"left out before stays": {asked: "openid api:read api:write", offered: "openid api:read", granted: "openid", before: "openid"},
		"required since": {asked: "openid api:basic api:read", offered: "openid api:basic api:read", granted: "openid api:read",
			before: "openid api:read"},
		"withdrawn":          {asked: "openid api:read", offered: "", granted: ""},
		"only others before": {asked: "api:read api:write", offered: "openid", granted: "openid"},
		"a resource alone":   {asked: "openid email", offered: "openid email", granted: "openid email", resources: []string{api}},
		"a resource, and its scopes": {asked: "openid api:read", offered: "openid api:read", granted: "openid api:read",
			resources: []string{api}, before: "openid"},
		"a resource and a scope": {asked: "openid api:read groups", offered: "openid api:read", granted: "openid api:read",
			resources: []string{api}, before: "openid"},
		"a scope of two, the other named": {asked: "openid shared groups", offered: "openid shared", granted: "openid shared",
			resources: []string{files}, seen: []string{api}, before: "openid"},
		"a scope of two, named before": {asked: "openid shared groups", offered: "openid shared", granted: "openid shared",
			resources: []string{api}, seen: []string{api}, before: "openid shared"},
		"document changed": {asked: "openid api:read api:write", offered: "openid api:read", granted: "openid api:read",
			row: storage.Consent{ClientHash: "another"}},
		"agent": {app: "robot", asked: "openid api:read api:write", offered: "openid api:read", granted: "openid api:read", row: runs,
			before: "openid api:read", kept: true},
		"agent, over": {app: "robot", asked: "openid api:read api:write", offered: "openid api:read", granted: "openid api:read",
			row: storage.Consent{AgentUntil: now.Add(-time.Hour), UpdatedAt: now.Add(-24 * time.Hour)}},
		"agent, paused": {app: "robot", asked: "openid api:read api:write", offered: "openid api:read", granted: "openid api:read",
			row: storage.Consent{AgentUntil: runs.AgentUntil, PausedAt: now, UpdatedAt: now}},
		"agent since":             {app: "robot", asked: "openid api:read", offered: "openid", granted: "openid"},
		"agent, nothing is new":   {app: "robot", asked: "openid", offered: "openid", granted: "openid", row: runs},
		"agent, all asked is new": {app: "robot", asked: "api:write groups", offered: "openid", granted: "openid", row: runs, kept: true},
	} {
		if tt.app == "" {
			tt.app = "shop"
		}
		row := tt.row
		row.Offered, row.Granted, row.Resources, row.Epoch = words(tt.offered), words(tt.granted), tt.seen, 1
		q := consent.Ask(app.asked(tt.app, flow.Request{Scopes: words(tt.asked), Resources: tt.resources, Claims: tt.claims}), row)
		if got := strings.Join(q.Before, " "); got != tt.before {
			t.Errorf("%s: before %q, want %q", name, got, tt.before)
		}
		if kept := q.Agent != nil && q.Agent.Kept; kept != tt.kept || kept && (q.Agent.Call != 100 || !q.Agent.Until.Equal(tt.row.AgentUntil)) {
			t.Errorf("%s: agent %+v", name, q.Agent)
		}
	}
}

// TestTheUnionIsRemembered: what the page said was allowed before, and what was ticked; not what was unticked on it.
func TestTheUnionIsRemembered(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		d.allow(t, "openid api:read email", "api:read")
		decide := func(scopes, ticked, before string) (consent.Allowed, error) {
			return d.Allow(t.Context(), consent.Decision{Asked: d.app.asked("shop", flow.Request{Scopes: words(scopes)}), UserID: "ada",
				Ticked: words(ticked), Before: words(before)})
		}
		done, err := decide("openid api:read api:write groups", "api:write", "openid api:read admin")
		if got := strings.Join(done.Granted, " "); err != nil || got != "openid api:read api:write" {
			t.Errorf("granted %q %v", got, err)
		}
		if row := d.row(t); !same(row.Granted, "openid email api:read api:write") ||
			!same(row.Offered, "openid api:read email api:write groups") {
			t.Errorf("row %+v", row)
		}
		// Nothing new was ticked: what was allowed before is what there is.
		if done, err := decide("api:read offline_access", "", "api:read"); err != nil || !same(done.Granted, "api:read") {
			t.Errorf("%+v %v", done, err)
		}
		// What was not allowed before is not allowed by saying so, and nothing is remembered of such an answer.
		for _, before := range []string{"groups", "api:admin", "api:read groups"} {
			if _, err := decide("openid api:read api:admin groups", "", before); !errors.Is(err, consent.ErrUnseen) {
				t.Errorf("before %q: %v", before, err)
			}
		}
		if _, err := d.db.WithdrawConsent(t.Context(), "ada", "shop", time.Now()); err != nil {
			t.Fatal(err)
		}
		// Withdrawn in another tab: the folded list is not true any more.
		if _, err := decide("openid api:read api:write", "api:write", "openid api:read"); !errors.Is(err, consent.ErrUnseen) {
			t.Errorf("withdrawn: %v", err)
		}
		if row := d.row(t); len(row.Granted) > 0 || row.Withdrawn.IsZero() {
			t.Errorf("row %+v", row)
		}
	})
}

// TestTheEventTellsWhatIsNoMore: so that a restore can take it away, too.
func TestTheEventTellsWhatIsNoMore(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		for _, answer := range []struct{ ticked, scopes, less, again string }{
			{"api:read api:write", "openid api:read api:write", "", ""},
			{"api:read", "openid api:read", "api:write", ""},
			{"", "openid", "api:read", ""},
			{"api:write", "openid api:write", "", "api:write"},
			{"api:write", "openid api:write", "", ""},
		} {
			d.allow(t, "openid api:read api:write", answer.ticked)
			events, err := d.db.EventsOfUser(t.Context(), "ada", "", 1)
			if err != nil || len(events) != 1 || events[0].Name != string(audit.ConsentGiven) {
				t.Fatal(events, err)
			}
			var detail map[string][]string
			if err := json.Unmarshal(events[0].Detail, &detail); err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]string{"scopes": answer.scopes, "no_longer": answer.less, "again": answer.again} {
				if got := strings.Join(detail[key], " "); got != want {
					t.Errorf("%+v: %s is %q", answer, key, got)
				}
			}
		}
	})
}

// TestAnAgentThatAsksForMoreKeepsItsLimits: to the second, and no longer than it may be agreed to now.
func TestAnAgentThatAsksForMoreKeepsItsLimits(t *testing.T) {
	app := apps(t)
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		d := fixture{&consent.Consents{Store: db, Audit: audit.New(db)}, db, app}
		decide := func(change func(*consent.Decision), scopes, before string, limits ...string) (storage.Consent, error) {
			t.Helper()
			one := consent.Decision{Asked: app.asked("robot", flow.Request{Scopes: words(scopes)}), UserID: "ada",
				Ticked: words(scopes), Before: words(before), Days: limits[0], Calls: limits[1]}
			if change != nil {
				change(&one)
			}
			_, err := d.Allow(t.Context(), one)
			row, readErr := d.Read(t.Context(), "ada", "robot")
			if readErr != nil {
				t.Fatal(readErr)
			}
			return row, err
		}
		if _, err := decide(nil, "openid api:read", "", "", ""); !errors.Is(err, consent.ErrUnseen) {
			t.Fatalf("nothing was agreed: %v", err)
		}
		first, err := decide(nil, "openid api:read", "", "30", "100")
		if err != nil {
			t.Fatal(err)
		}
		more, err := decide(nil, "openid api:read api:write", "openid api:read", "", "")
		if err != nil || !more.AgentUntil.Equal(first.AgentUntil) || more.AgentCalls != 100 || !slices.Contains(more.Granted, "api:write") {
			t.Errorf("%+v %v", more, err)
		}
		for _, part := range [][]string{{"30", ""}, {"", "100"}} {
			if _, err := decide(nil, "openid groups", "openid", part...); !errors.Is(err, consent.ErrUnseen) {
				t.Errorf("%q: %v", part, err)
			}
		}
		// The operator lets agents act for a week at most, since: it ends a week after the person agreed to it, whatever is added.
		fewer := func(one *consent.Decision) {
			c := *one.Client
			c.AgentMaxDays = 7
			one.Client = &c
		}
		if less, err := decide(fewer, "openid groups", "openid", "", ""); err != nil ||
			!less.AgentUntil.Equal(more.UpdatedAt.Add(7*24*time.Hour)) {
			t.Errorf("%+v %v", less, err)
		}
		if _, err := db.PauseAgent(t.Context(), "ada", "robot", true, time.Now()); err != nil {
			t.Fatal(err)
		}
		if row, err := decide(nil, "openid email", "openid", "", ""); !errors.Is(err, consent.ErrUnseen) || row.PausedAt.IsZero() {
			t.Errorf("paused meanwhile: %+v %v", row, err)
		}
	})
}

// TestAnAgentIsOverWhileThePageIsOpen: then nothing of what was agreed before stays.
func TestAnAgentIsOverWhileThePageIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		app := apps(t)
		d := &consent.Consents{Store: db, Audit: audit.New(db)}
		one := consent.Decision{Asked: app.asked("robot", flow.Request{Scopes: words("openid")}), UserID: "ada", Days: "1", Calls: "10"}
		if _, err := d.Allow(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		one.Days, one.Calls, one.Before = "", "", words("openid")
		one.Request.Scopes = words("openid email")
		time.Sleep(24 * time.Hour)
		if _, err := d.Allow(t.Context(), one); !errors.Is(err, consent.ErrUnseen) {
			t.Error(err)
		}
	})
}

func same(list []string, want string) bool {
	return slices.Equal(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(words(want))))
}
