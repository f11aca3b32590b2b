package server_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/oauth2"
	"google.golang.org/protobuf/proto"

	"signet/internal/tracing"
	"signet/server/servertest"
)

// spansOf is a collector that keeps what it is sent.
type spansOf struct {
	mu    sync.Mutex
	raw   strings.Builder // as it came
	spans []*tracepb.Span
}

func (c *spansOf) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return
	}
	raw, _ := io.ReadAll(body)
	c.raw.Write(raw)
	var data tracepb.TracesData
	if proto.Unmarshal(raw, &data) == nil {
		for _, of := range data.ResourceSpans {
			for _, s := range of.ScopeSpans {
				c.spans = append(c.spans, s.Spans...)
			}
		}
	}
}

// traceIDs are those in the log.
type traceIDs struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

func (l *traceIDs) Enabled(context.Context, slog.Level) bool { return true }

func (l *traceIDs) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *traceIDs) Handle(_ context.Context, line slog.Record) error {
	id := ""
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == "trace_id" || a.Key == "span_id" {
			id += a.Value.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, id)
	return nil
}

func (l *traceIDs) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.all, id)
}

// TestTracesHoldNothingOfPeople signs somebody in, by the code flow, and makes mistakes: whatever was secret or names a person is in no
// byte that a collector gets.
func TestTracesHoldNothingOfPeople(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		got := &spansOf{}
		at := httptest.NewServer(got)
		defer at.Close()
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", at.URL)
		t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
		tracer, err := tracing.FromEnvironment(t.Context(), "1", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		log := new(traceIDs)
		s := servertest.New(t, servertest.HandlerOnly(), engine, servertest.Traced(tracer), servertest.Log(log))
		p := s.Person(t, "private-person@example.com")
		app := s.App(t, "app").With("openid", "email", "offline_access")
		token := app.Login(t, s.Browser(t), p, oauth2.SetAuthURLParam("login_hint", "hint-is-secret"))
		app.Userinfo(t, token.AccessToken)
		refreshed := app.Refresh(t, token.RefreshToken)
		app.Post(t, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {"code-is-secret"}})
		app.Post(t, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"refresh-is-secret"}})
		app.Post(t, "/oauth2/introspect", url.Values{"token": {refreshed.AccessToken}})
		app.Post(t, "/oauth2/token", url.Values{"grant_type": {"grant-is-secret"}})
		for _, wrong := range []url.Values{
			{"grant_type": {"refresh_token"}, "client_id": {"client-is-secret"}, "client_secret": {"x"}, "refresh_token": {"x"}},
			{"grant_type": {"nonsense"}, "client_id": {"client-is-secret"}},
		} {
			res, err := s.HTTP.PostForm(s.URL+"/oauth2/token", wrong)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
		for _, path := range []string{"/oauth2/authorize?response_type=code&client_id=client-is-secret",
			"/oauth2/logout?client_id=client-is-secret", "/oauth2/register/client-is-secret"} {
			s.Browser(t).Get(t, path)
		}
		s.Browser(t).Get(t, "/signin?query-is-secret=1").Submit(t, "login-submit",
			url.Values{"username": {"nobody@example.com"}, "password": {"wrong-is-secret"}})
		if err := tracer.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string]string{"access token": token.AccessToken, "its signature": token.AccessToken[strings.LastIndex(
			token.AccessToken, ".")+1:], "refresh token": token.RefreshToken, "new refresh token": refreshed.RefreshToken, "ID token": token.
			Extra("id_token").(string), "subject":        p.ID, "email": "private-person", "login hint": "hint-is-secret", "code": "code-is-secret",
			"wrong token": "refresh-is-secret", "wrong password": "wrong-is-secret", "wrong email": "nobody@",
			"unknown client": "client-is-secret", "unknown grant": "grant-is-secret",
			"query":   "query-is-secret",
			"address": "192.0.2.1", "password": servertest.Password, "verifier": "code_verifier", "client secret": app.ClientSecret} {
			if secret != "" && strings.Contains(got.raw.String(), secret) {
				t.Errorf("the collector gets the %s", name)
			}
		}
		names, known := map[string]int{}, 0
		for _, s := range got.spans {
			names[s.Name]++
			for _, a := range s.Attributes {
				if s.Name == "POST /oauth2/introspect" && a.Key == "signet.client_id" && a.Value.GetStringValue() == "app" {
					known++
				}
				if !slices.ContainsFunc(tracing.Attributes, func(k attribute.Key) bool { return string(k) == a.Key }) {
					t.Errorf("%s has %s", s.Name, a.Key)
				}
			}
		}
		if known != 1 {
			t.Errorf("%d introspections name their client", known)
		}
		for _, want := range []string{"GET /oauth2/authorize", "POST /oauth2/token", "GET /userinfo", "POST /signin", "SELECT", "UPDATE",
			"INSERT", "hash a password", "wait to hash a password"} {
			if names[want] == 0 {
				t.Errorf("no span is named %q: %v", want, names)
			}
		}
		for _, span := range got.spans {
			if strings.HasPrefix(span.Name, "POST /oauth2/token") && !log.has(hex.EncodeToString(span.TraceId)+hex.EncodeToString(span.SpanId)) {
				t.Errorf("the log has no line of the trace %x", span.TraceId)
			}
		}
	})
}
