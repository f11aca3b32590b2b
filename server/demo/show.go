package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"signet/server/pages"
	"signet/server/web"
)

// home says what will happen.
func (r *Handler) home(w http.ResponseWriter, req *http.Request) error {
	return r.o.Pages.Render(w, req, http.StatusOK, r.beginning(""))
}

func (r *Handler) beginning(problem string) pages.Demo {
	if !plainCode(problem) {
		problem = "error"
	}
	return pages.Demo{StartURL: r.o.Issuer.Path + "/demo/start", Error: problem}
}

// plainCode tells an OAuth error code from whatever else is in a link to the callback.
func plainCode(code string) bool {
	return len(code) <= 40 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// show takes the tokens apart.
func (r *Handler) show(w http.ResponseWriter, req *http.Request) error {
	t := r.trial(req)
	if t == nil {
		return web.Redirect(w, req, HomeURI(r.o.Issuer))
	}
	t.mu.Lock()
	tokens, refreshed := t.tokens, t.refreshed
	t.mu.Unlock()
	if tokens == nil {
		return web.Redirect(w, req, HomeURI(r.o.Issuer))
	}
	page := pages.DemoTokens{
		Refreshed: refreshed,
		AgainURL:  r.o.Issuer.Path + "/demo/start",
		Tokens:    []pages.DemoToken{decode("access", tokens.AccessToken)},
	}
	idToken, _ := tokens.Extra("id_token").(string)
	if idToken != "" {
		page.Tokens = append(page.Tokens, decode("id", idToken))
	}
	if tokens.RefreshToken != "" {
		page.RefreshURL = r.o.Issuer.Path + "/demo/refresh"
		page.Tokens = append(page.Tokens, decode("refresh_token", tokens.RefreshToken))
	}
	if claims, err := r.userinfo(req.Context(), tokens); err == nil {
		page.Tokens = append(page.Tokens, pages.DemoToken{Kind: "userinfo", Claims: claims})
	} else {
		r.o.Log.InfoContext(req.Context(), "the demo got no userinfo", "error", err)
	}
	page.SignOutURL = r.logout + "?" + url.Values{
		"id_token_hint": {idToken}, "post_logout_redirect_uri": {HomeURI(r.o.Issuer)},
	}.Encode()
	return r.o.Pages.Render(w, req, http.StatusOK, page)
}

// userinfo asks as an app would (OpenID Connect Core section 5.3).
func (r *Handler) userinfo(ctx context.Context, tokens *oauth2.Token) ([][2]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.o.Issuer.String()+"/userinfo", nil)
	if err != nil {
		return nil, err
	}
	tokens.SetAuthHeader(req)
	res, err := r.o.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("userinfo answered %s: %w", res.Status, err)
	}
	return members(body), nil
}

// decode takes a JWT apart for reading; whoever relies on one verifies it first (RFC 7519 section 7.2).
func decode(kind, raw string) pages.DemoToken {
	token := pages.DemoToken{Kind: kind, Raw: raw}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return token
	}
	token.Header, token.Claims = part(parts[0]), part(parts[1])
	return token
}

func part(text string) [][2]string {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return members(data)
}

// members lists an object's members in the order sent; times are shown as such too.
func members(data []byte) [][2]string {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	var all [][2]string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return all
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return all
		}
		all = append(all, [2]string{fmt.Sprint(name), readable(fmt.Sprint(name), string(value))})
	}
	return all
}

func readable(name, value string) string {
	switch name {
	case "iat", "exp", "nbf", "auth_time", "updated_at":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return fmt.Sprintf("%d (%s)", n, time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05 MST"))
		}
	}
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}
