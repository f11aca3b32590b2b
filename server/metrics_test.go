package server_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit/feed"
	"signet/audit/webhook"
	"signet/config"
	"signet/server"
	"signet/server/servertest"
)

// metric is the value of a series that a server exports; false = it exports none of that name.
func metric(t *testing.T, s *servertest.Server, series string) (float64, bool) {
	t.Helper()
	w := httptest.NewRecorder()
	s.InternalHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(w.Body.String())
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n, true
}

// TestTheDatabaseIsMeasured: statements of a sign-in, of a refresh, and transactions, on whichever engine.
func TestTheDatabaseIsMeasured(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		app := s.App(t, "web")
		app.Login(t, s.Browser(t), s.Person(t, "ada@example.com"))
		for _, kind := range []string{"read", "write", "transaction"} {
			if n, _ := metric(t, s, `signet_db_statement_duration_seconds_count{kind="`+kind+`"}`); n == 0 {
				t.Errorf("no %s was measured", kind)
			}
		}
	})
}

// TestReplicasAreCounted: each that runs, until it stops or has not been heard of for a minute.
func TestReplicasAreCounted(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		one := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		two := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(one.Services().DB))
		for n, s := range []*servertest.Server{one, two, one, two} {
			runJob(t, s.Server, "replicas")
			if got, _ := metric(t, s, "signet_replicas"); int(got) != min(n+1, 2) {
				t.Errorf("after %d: %v replicas", n+1, got)
			}
		}
		if err := one.Services().DB.Beat(t.Context(), "dead", "0.1.0", time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		runJob(t, one.Server, "replicas")
		if got, _ := metric(t, one, "signet_replicas"); got != 2 {
			t.Errorf("with one that is dead: %v replicas", got)
		}
	})
}

// TestAServerThatStopsIsNoReplica: its row goes with it.
func TestAServerThatStopsIsNoReplica(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	runJob(t, s.Server, "replicas")
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Run(ctx, server.Listeners{Public: public}, nil); err != nil {
		t.Fatal(err)
	}
	if releases, err := s.Services().DB.Replicas(t.Context(), time.Now()); err != nil || len(releases) > 0 {
		t.Errorf("%v run, %v", releases, err)
	}
}

// TestEventsThatNobodyTakesShow: each reader of the audit log by itself, and none that is not set up.
func TestEventsThatNobodyTakesShow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "audit.log")
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML("audit: {file: "+path+"}"))
		age := func(reader string) float64 {
			t.Helper()
			runJob(t, s.Server, "audit-horizon")
			n, is := metric(t, s, `signet_events_horizon_seconds{reader="`+reader+`"}`)
			if !is {
				t.Fatalf("%s is not exported", reader)
			}
			return n
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		runJob(t, s.Server, "audit-file")
		if n := age("file"); n != 0 {
			t.Errorf("%v seconds where nothing has happened", n)
		}
		time.Sleep(time.Second)
		_, _, err := s.Services().Webhooks.Create(t.Context(), webhook.Webhook{URL: "https://siem.example/hook", Events: []string{"user."}}, "")
		if err != nil {
			t.Fatal(err)
		}
		s.Person(t, "ada@example.com")
		time.Sleep(10 * time.Minute)
		for _, reader := range []string{"file", "seals", "webhooks"} {
			if n := age(reader); n < 590 || n > 610 {
				t.Errorf("%s: %v seconds", reader, n)
			}
		}
		runJob(t, s.Server, "audit-file")
		runJob(t, s.Server, "seal-events")
		runJob(t, s.Server, "webhooks")
		for _, reader := range []string{"file", "seals", "webhooks"} {
			if n := age(reader); n > (feed.Behind + time.Second).Seconds() {
				t.Errorf("%s has taken all: %v seconds", reader, n)
			}
		}
	})
}

// TestClientsAreCountedWhereTheyAreNamed: by a configuration that is taken up, and no longer than that.
func TestClientsAreCountedWhereTheyAreNamed(t *testing.T) {
	t.Parallel()
	name := func(ids ...string) servertest.Option {
		return servertest.Change(func(c *config.Config) { c.Metrics.ByClient = ids })
	}
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), name("web", "gone"))
	web, other := s.App(t, "web"), s.App(t, "other")
	browser, ada := s.Browser(t), s.Person(t, "ada@example.com")
	tokens := web.Login(t, browser, ada)
	web.Refresh(t, tokens.RefreshToken)
	if _, err := web.TryRefresh(t.Context(), "not-a-token"); err == nil {
		t.Error("anything is a refresh token")
	}
	other.Login(t, browser, ada)
	for series, want := range map[string]float64{
		`signet_client_tokens_issued_total{client="web",grant="authorization_code"}`:        1,
		`signet_client_tokens_issued_total{client="web",grant="refresh_token"}`:             1,
		`signet_client_errors_total{client="web",code="invalid_grant"}`:                     1,
		`signet_client_requests_total{client="web",pattern="/oauth2/token",status="4xx"}`:   1,
		`signet_client_requests_total{client="web",pattern="/oauth2/token",status="2xx"}`:   2,
		`signet_client_tokens_issued_total{client="other",grant="authorization_code"}`:      0,
		`signet_client_requests_total{client="other",pattern="/oauth2/token",status="2xx"}`: 0,
		`signet_tokens_issued_total{grant="authorization_code"}`:                            2,
		`signet_client_tokens_issued_total{client="gone",grant="authorization_code"}`:       0,
	} {
		if got, _ := metric(t, s, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	c := s.Services().Config
	c.Metrics.ByClient = []string{"other"}
	if _, err := s.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	other.Login(t, browser, ada)
	if n, _ := metric(t, s, `signet_client_tokens_issued_total{client="other",grant="authorization_code"}`); n != 1 {
		t.Errorf("after the reload: %v", n)
	}
	w := httptest.NewRecorder()
	s.InternalHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if strings.Contains(w.Body.String(), `client="web"`) {
		t.Error("who is not named any more has series")
	}
}
