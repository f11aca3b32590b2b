// Package mcp puts the kit in front of a server of the official Go SDK for MCP (github.com/modelcontextprotocol/go-sdk).
//
// It is a module of its own, so that APIs that are no MCP servers do not get the SDK. Begin with Require, and Tools where some tools need
// more than others.
package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	kit "signet/kit/go"
)

// largest is how many bytes a message may have where tools have scopes of their own.
const largest = 4 << 20

// tokenKey is where the token is in the SDK's auth.TokenInfo.
const tokenKey = "signet/kit/go"

// skew is more than what the kit allows.
const skew = time.Hour

// Require is the kit's Require for a handler of the SDK: tools find who calls in their request's Extra.TokenInfo, and the SDK keeps
// sessions of one person from another.
func Require(api *kit.API, demands ...kit.Demand) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return api.Require(demands...)(inside(next))
	}
}

// From gives the token of a call: all that the kit knows of it.
func From(extra *sdk.RequestExtra) (*kit.Token, bool) {
	if extra == nil || extra.TokenInfo == nil {
		return nil, false
	}
	token, ok := extra.TokenInfo.Extra[tokenKey].(*kit.Token)
	return token, ok
}

// inside tells the SDK what the kit has verified.
func inside(next http.Handler) http.Handler {
	tell := func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		token, ok := kit.From(ctx)
		if !ok {
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{
			Scopes: slices.Clone(token.Scopes), Expiration: token.Expires, UserID: token.Subject,
			Extra: map[string]any{tokenKey: token},
		}, nil
	}
	// The kit has judged time and presence; the SDK knows the scheme Bearer alone.
	verified := auth.RequireBearerToken(tell, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true, ClockSkew: skew})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := r.Clone(r.Context())
		inner.Header.Set("Authorization", "Bearer verified")
		verified.ServeHTTP(w, inner)
	})
}

// Tools are the scopes that tools need, by their names, beyond those of every request.
type Tools map[string][]string

// Require is Require for a server where Tools need more: a call without the scopes is answered 403 insufficient_scope, with what to ask
// for, and clients ask their person for it. Use Check too: it is what counts.
func (t Tools) Require(api *kit.API, demands ...kit.Demand) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		within := inside(next)
		return api.Require(demands...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
				if err != nil {
					http.Error(w, "The message is too large, or ended early.", http.StatusRequestEntityTooLarge)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				if needs := t.needs(body); len(needs) > 0 && !api.Demand(w, r, kit.Scopes(needs...)) {
					return
				}
			}
			within.ServeHTTP(w, r)
		}))
	}
}

// Check refuses calls of tools without their scopes, of the message as the SDK has read it: sdk.Server.AddReceivingMiddleware(tools.Check).
func (t Tools) Check(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		if call, ok := req.GetParams().(*sdk.CallToolParamsRaw); ok {
			token, known := From(req.GetExtra())
			for _, scope := range t[call.Name] {
				if !known || !token.Has(scope) {
					return nil, fmt.Errorf("%w: %s needs the scope %s", ErrScope, call.Name, scope)
				}
			}
		}
		return next(ctx, method, req)
	}
}

// ErrScope: the token of a call lacks a scope that the tool needs.
var ErrScope = errors.New("insufficient_scope")

// needs are the scopes of the tools that a body calls, as well as can be told; Check has the last word.
func (t Tools) needs(body []byte) (scopes []string) {
	type message struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	var all []message
	if json.Unmarshal(body, &all) != nil {
		all = make([]message, 1)
		if json.Unmarshal(body, &all[0]) != nil {
			return nil
		}
	}
	for _, m := range all {
		if m.Method != "tools/call" {
			continue
		}
		for _, scope := range t[m.Params.Name] {
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}
