package request

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/storage"
)

func TestStateIsOptionalAndModesAreThree(t *testing.T) { // RFC 6749 section 4.1.1, OAuth 2.0 Form Post Response Mode
	p := parser(t)
	for name, tt := range map[string]struct {
		q           url.Values
		state, mode string // mode "" = invalid_request
	}{
		"no state": {form(), "", "query"}, "short state": {form("state", "x"), "x", "query"},
		"query":     {form("response_mode", "query"), "", "query"},
		"form_post": {form("response_mode", "form_post", "state", "a b+c&d"), "a b+c&d", "form_post"},
		"fragment":  {form("response_mode", "fragment"), "", "fragment"}, "made up": {form("response_mode", "x"), "", ""},
	} {
		req, _, err := p.Authorize(t.Context(), tt.q)
		if req.State != tt.state || req.ResponseMode != tt.mode || (err != nil) != (tt.mode == "") ||
			err != nil && code(errors.Unwrap(err)) != "invalid_request" {
			t.Errorf("%s: %+v %v", name, req, err)
		}
	}
}

func TestH01_WhatMustNotRedirect(t *testing.T) { // RFC 6749 section 4.1.2.1
	p := parser(t)
	twice := func(name string) url.Values {
		q := form("state", "s", "response_mode", "query")
		q.Add(name, q.Get(name))
		return q
	}
	for name, tt := range map[string]struct {
		q    url.Values
		kind string
	}{
		"no client": {form("client_id", ""), "unknown_client"}, "unknown client": {form("client_id", "nobody"), "unknown_client"},
		"NUL in the client id":     {form("client_id", "shop\x00"), "unknown_client"},
		"other redirect":           {form("redirect_uri", "https://shop.example/cb/"), "redirect_mismatch"},
		"line end in the redirect": {form("redirect_uri", "https://shop.example/cb\r\n"), "redirect_mismatch"},
		"none":                     {form("redirect_uri", ""), "redirect_missing"},
		"A5 client twice":          {twice("client_id"), "invalid_request"}, "A5 redirect twice": {twice("redirect_uri"), "invalid_request"},
		"A5 state twice": {twice("state"), "invalid_request"}, "A5 mode twice": {twice("response_mode"), "invalid_request"},
		"A11 control in state": {form("state", "a\nb"), "invalid_request"}, "A11 state no UTF-8": {form("state", "\xff"), "invalid_request"},
	} {
		_, _, err := p.Authorize(t.Context(), tt.q)
		if bad, ok := errors.AsType[*PageOnly](err); !ok || bad.Kind != tt.kind || bad.Error() == "" {
			t.Errorf("%s: %v, want %s", name, err, tt.kind)
		}
	}
}

func TestErrorsTheClientIsTold(t *testing.T) { // RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6
	p := parser(t)
	nonces := form()
	nonces["nonce"] = []string{"a", "b"}
	for name, tt := range map[string]struct {
		q    url.Values
		code string
	}{
		"A5 nonce twice": {nonces, "invalid_request"}, "A11 NUL": {form("nonce", "\x00"), "invalid_request"},
		"unknown parameter with a control": {form("foo", "\x1b"), "invalid_request"},
		"long":                             {form("foo", strings.Repeat("x", 4097)), "invalid_request"},
		"long nonce":                       {form("nonce", strings.Repeat("x", 513)), "invalid_request"},
		"P5 registration":                  {form("registration", "{}"), "registration_not_supported"},
		"request":                          {form("request", "e30.e30."), "request_not_supported"},
		"request_uri":                      {form("request_uri", "https://x.example/"), "request_uri_not_supported"},
		"no response type":                 {form("response_type", ""), "invalid_request"},
		"H10 unknown":                      {form("response_type", "banana"), "unsupported_response_type"},
		"prompt":                           {form("prompt", "dance"), "invalid_request"},
		"none and login":                   {form("prompt", "none login"), "invalid_request"},
		"claims":                           {form("claims", "{"), "invalid_request"},
		"A8 broken hint":                   {form("id_token_hint", "x"), "invalid_request"},
		"method alone":                     {form("code_challenge_method", "S256"), "invalid_request"},
	} {
		_, _, err := p.Authorize(t.Context(), tt.q)
		bad, ok := errors.AsType[*Redirectable](err)
		if !ok || bad.Refusal.Code != tt.code || bad.RedirectURI != "https://shop.example/cb" || bad.ResponseMode != "query" ||
			bad.Error() == "" {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
	_, _, err := p.Authorize(t.Context(), form("prompt", "dance", "state", "s", "response_mode", "form_post"))
	if bad, ok := errors.AsType[*Redirectable](err); !ok || bad.State != "s" || bad.ResponseMode != "form_post" {
		t.Errorf("state and mode: %v", err)
	}
}

func TestMaxAge(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	p := parser(t)
	// -2 = none, -1 = refused
	for sent, want := range map[string]int64{"0": 0, "1": 1, "86400": 86400, "": -2, "-1": -1, "x": -1, "1.5": -1, "+1": -1, "0x1": -1,
		" 1": -1, "99999999999": -1} {
		req, _, err := p.Authorize(t.Context(), form("max_age", sent))
		got := int64(-2)
		if err != nil {
			got = -1
		} else if req.MaxAge != nil {
			got = *req.MaxAge
		}
		if got != want {
			t.Errorf("%q: got %d, want %d (%v)", sent, got, want, err)
		}
	}
}

func TestH16_Hints(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	p := parser(t)
	p.Hint = func(token string) (string, []string, error) {
		switch token {
		case "ada's":
			return "ada", []string{"shop"}, nil
		case "other client's":
			return "ada", []string{"spa"}, nil
		}
		return "", nil, errors.New("no")
	}
	if req, _, err := p.Authorize(t.Context(), form("id_token_hint", "ada's")); err != nil || req.HintSubject != "ada" {
		t.Errorf("%+v %v", req, err)
	}
	if req, _, err := p.Authorize(t.Context(), form("id_token_hint", "other client's")); code(errors.Unwrap(err)) != "invalid_request" ||
		req.HintSubject != "" {
		t.Errorf("%+v %v", req, err)
	}
	for hint, want := range map[string]string{"ada@example.com": "ada@example.com", strings.Repeat("x", 255): ""} {
		if req, _, err := p.Authorize(t.Context(), form("login_hint", hint)); err != nil || req.LoginHint != want {
			t.Errorf("login_hint %q: %q %v", hint, req.LoginHint, err)
		}
	}
	// H17
	if req, _, err := p.Authorize(t.Context(),
		form("ui_locales", strings.Repeat("de ", 50), "acr_values", strings.Repeat("x ", 50))); err != nil || len(req.UILocales) != 10 ||
		len(req.ACRValues) != 10 {
		t.Errorf("%d locales, %d acr values: %v", len(req.UILocales), len(req.ACRValues), err)
	}
}

// away finds nothing, for the database is away.
type away struct{ Clients }

func (away) Client(context.Context, string) (*clients.Client, error) {
	return nil, storage.ErrUnavailable
}

func TestA18_UnreachableDatabaseIsNoUnknownClient(t *testing.T) {
	p := parser(t)
	p.Clients = away{p.Clients}
	_, _, err := p.Authorize(t.Context(), form())
	if _, page := errors.AsType[*PageOnly](err); page || !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkAuthorize(b *testing.B) {
	p := parser(b)
	q := form("scope", "openid profile offline_access api:read", "state", "af0ifjsldkj", "nonce", "n-0S6_WzA2Mj", "code_challenge",
		strings.Repeat("A", 43), "code_challenge_method", "S256", "resource", "https://api.example.com")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Authorize(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
