package logout_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/oauth/logout"
	"signet/oauth/tokens"
)

const (
	bye  = "https://shop.example/bye?x=%20"
	bare = "https://shop.example/bye"
)

// registry knows the shop, which is in order, and one that is disabled; "down" is a database that is away.
type registry struct{}

var errDown = errors.New("database away")

func (registry) Client(_ context.Context, id string) (*clients.Client, error) {
	shop := clients.Metadata{ClientID: id, PostLogoutRedirectURIs: []string{bye, bare}}
	switch id {
	case "shop":
		return &clients.Client{Metadata: shop}, nil
	case "closed":
		return &clients.Client{Metadata: shop, DisabledAt: time.Unix(1, 0)}, nil
	case "down":
		return nil, errDown
	}
	return nil, clients.ErrUnknown
}

// verify takes "aud[,aud] sid" for a good ID token.
func verify(token string) (tokens.ID, error) {
	aud, sid, ok := strings.Cut(token, " ")
	if !ok {
		return tokens.ID{}, errors.New("not ours")
	}
	return tokens.ID{Audience: strings.Split(aud, ","), SessionID: sid}, nil
}

func TestQ02_WhatMayBeDone(t *testing.T) { // RP-Initiated Logout sections 2 and 3
	tests := map[string]struct {
		req                  logout.Request
		client, back         string
		proven, endsSession1 bool
	}{
		"nothing":    {},
		"only state": {req: logout.Request{State: "x"}},
		"hint":       {req: logout.Request{IDTokenHint: "shop 1"}, client: "shop", proven: true, endsSession1: true},
		"hint and address": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: bye}, client: "shop", back: bye,
			proven: true, endsSession1: true},
		"hint, address and state": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: bye, State: "a b&c=ü"},
			client: "shop", back: bye + "&state=a+b%26c%3D%C3%BC", proven: true, endsSession1: true},
		"state on a bare address": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: bare, State: "x"}, client: "shop",
			back: bare + "?state=x", proven: true, endsSession1: true},
		"hint of another session": {req: logout.Request{IDTokenHint: "shop 2", PostLogoutRedirectURI: bye}, client: "shop", back: bye,
			proven: true},
		"hint without a session": {req: logout.Request{IDTokenHint: "shop "}, client: "shop", proven: true},
		"hint and its client": {req: logout.Request{IDTokenHint: "shop 1", ClientID: "shop"}, client: "shop", proven: true,
			endsSession1: true},
		"hint of several audiences": {req: logout.Request{IDTokenHint: "api,shop 1", ClientID: "shop"}, client: "shop", proven: true,
			endsSession1: true},
		"hint of another client": {req: logout.Request{IDTokenHint: "shop 1", ClientID: "closed", PostLogoutRedirectURI: bye}},
		"hint that is not ours":  {req: logout.Request{IDTokenHint: "forged", ClientID: "shop", PostLogoutRedirectURI: bye}},
		"hint too long": {
			req: logout.Request{IDTokenHint: "shop " + strings.Repeat("1", 17<<10), ClientID: "shop", PostLogoutRedirectURI: bye}},
		"hint, bad address": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: "https://evil.example/"},
			client: "shop"},
		"hint, query added": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: bye + "&y=1"}, client: "shop"},
		"hint, other spelling": {req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: "https://shop.example/bye?x=+"},
			client: "shop"},
		"state too long": {
			req: logout.Request{IDTokenHint: "shop 1", PostLogoutRedirectURI: bye, State: strings.Repeat("s", 2049)}, client: "shop"},
		"client and address: a click": {req: logout.Request{ClientID: "shop", PostLogoutRedirectURI: bye}, client: "shop", back: bye},
		"client, bad address":         {req: logout.Request{ClientID: "shop", PostLogoutRedirectURI: "javascript:alert(1)"}, client: "shop"},
		"address alone":               {req: logout.Request{PostLogoutRedirectURI: bye}},
		"unknown client":              {req: logout.Request{ClientID: "nobody", PostLogoutRedirectURI: bye}},
		"disabled client":             {req: logout.Request{IDTokenHint: "closed 1", PostLogoutRedirectURI: bye}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := logout.Judge(t.Context(), tt.req, registry{}, verify, logout.Names{})
			if err != nil {
				t.Fatal(err)
			}
			client := ""
			if p.Client != nil {
				client = p.Client.ClientID
			}
			if client != tt.client || p.Back != tt.back || p.Proven != tt.proven || p.Ends("1") != tt.endsSession1 || p.Ends("") {
				t.Errorf("client %q, back %q, proven %v, ends session 1 %v", client, p.Back, p.Proven, p.Ends("1"))
			}
		})
	}
	if _, err := logout.Judge(t.Context(), logout.Request{ClientID: "down"}, registry{}, verify, logout.Names{}); !errors.Is(err, errDown) {
		t.Errorf("got %v, want the storage's error", err)
	}
}

func TestOfARepeatedParameterNothingIsTrusted(t *testing.T) { // RFC 6749 section 3.1, taken over
	for name, query := range map[string]string{
		"state twice":    "id_token_hint=h&state=a&state=b",
		"hint twice":     "id_token_hint=h&id_token_hint=i&client_id=shop",
		"address twice":  "client_id=shop&post_logout_redirect_uri=a&post_logout_redirect_uri=b",
		"control":        "client_id=shop&state=a%00b",
		"line end":       "client_id=shop&state=a%0d%0ab",
		"broken letters": "client_id=shop&state=%ff",
	} {
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if r := logout.Read(form); r != (logout.Request{}) || len(r.Values()) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	form := url.Values{"id_token_hint": {"h"}, "client_id": {"c"}, "post_logout_redirect_uri": {"u"}, "state": {"ä b"},
		"ui_locales": {"de en"}}
	want := logout.Request{IDTokenHint: "h", ClientID: "c", PostLogoutRedirectURI: "u", State: "ä b", UILocales: "de en"}
	got := logout.Read(form)
	if got != want {
		t.Errorf("got %+v", got)
	}
	carried := url.Values{}
	for name, value := range got.Values() {
		carried.Set(name, value)
	}
	if logout.Read(carried) != want {
		t.Error("a form does not carry it")
	}
}

// FuzzJudge: whatever is sent, the browser is sent nowhere but to a registered address, with state and nothing else.
func FuzzJudge(f *testing.F) {
	f.Add("id_token_hint=shop+1&post_logout_redirect_uri=" + url.QueryEscape(bye) + "&state=s")
	f.Add("client_id=shop&post_logout_redirect_uri=" + url.QueryEscape(bare) + "&state=%26code=x%23")
	f.Add("client_id=shop&client_id=closed&state=%00")
	f.Fuzz(func(t *testing.T, query string) {
		form, _ := url.ParseQuery(query) // what could be read of it, as net/http does
		r := logout.Read(form)
		p, err := logout.Judge(t.Context(), r, registry{}, verify, logout.Names{})
		if err != nil && !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		if p.Back == "" {
			return
		}
		rest, ok := strings.CutPrefix(p.Back, bye)
		if !ok {
			rest, ok = strings.CutPrefix(p.Back, bare)
		}
		sent, err := url.ParseQuery(strings.TrimLeft(rest, "?&"))
		if !ok || err != nil || sent.Get("state") != r.State || len(sent) > 1 || strings.ContainsAny(rest, "# \r\n") {
			t.Errorf("%q leads to %q", query, p.Back)
		}
	})
}
