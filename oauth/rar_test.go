package oauth_test

import (
	"strings"
	"testing"

	"signet/clients"
	"signet/clients/detail"
	"signet/oauth"
	"signet/oauth/details"
	"signet/oauth/ledger"
	"signet/oauth/oauthtest"
	"signet/storage"
)

// payments are a bank and an app that may ask for payments, also of the API's users.
func payments() oauthtest.Options {
	title := clients.Text{"": "x"}
	o := exchangers()
	o.Resources = append(o.Resources, clients.Resource{Identifier: "https://bank.test", ExchangedBy: []string{"gate"},
		DetailsTypes: []detail.Type{{Type: "payment", Title: title, Fields: []detail.Field{
			{Name: "value", Title: title, Kind: detail.KindDecimal, AtMost: true}}}}})
	o.Clients = append(o.Clients, clients.Metadata{ClientID: "payer", RedirectURIs: []string{oauthtest.Callback}, Scope: "openid api:read",
		TokenEndpointAuthMethod: clients.MethodNone, GrantTypes: []string{clients.AuthorizationCode, clients.RefreshToken},
		DetailsTypes: []string{"payment"}})
	return o
}

// paying is an authorization for a payment beside the scope.
func paying(t *testing.T, h *oauthtest.Protocol, scope, raw string) string {
	t.Helper()
	return h.Code(t, "payer", scope, func(a *oauth.Authorization) {
		var err error
		if a.Details, err = details.Parse(raw); err != nil {
			t.Fatal(err)
		}
	})
}

const ten = `[{"type":"payment","value":"10"}]`

// TestRFC9396_FactsHaveAVersion: a replica that does not know them does not answer for a grant that has some; others stay as they are.
func TestRFC9396_FactsHaveAVersion(t *testing.T) {
	for facts, want := range map[ledger.Facts]string{
		{Details: ten}: `{"v":5,`,
		{Details: ten, Kind: ledger.KindDevice, JKT: "k"}: `{"v":5,`,
		{Kind: ledger.KindDevice}:                         `{"v":4,`, {Nonce: "n"}: `{"v":1,`,
	} {
		var row storage.Grant
		if err := facts.Put(&row); err != nil || !strings.HasPrefix(string(row.Data), want) {
			t.Errorf("%+v: %s, %v", facts, row.Data, err)
		}
	}
}

// TestRFC9396_CostsNothing: a code and a refresh cost what they cost without.
func TestRFC9396_CostsNothing(t *testing.T) {
	h := protocol(t, payments())
	code := paying(t, h, "", ten)
	form := oauthtest.Exchange(code)
	for range 2 {
		ctx, stats := storage.WithStats(t.Context())
		a, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "payer"), Form: form})
		if err != nil || stats.Reads() != 1 || stats.Writes() != 1 || string(a.Details) != ten {
			t.Fatalf("%v, %d reads and %d writes, %s", err, stats.Reads(), stats.Writes(), a.Details)
		}
		form = oauthtest.Refresh(a.RefreshToken)
	}
}

// TestRFC9396_AnExchangePassesNoneOn: what a person allowed one app to do in particular is not another's to do.
func TestRFC9396_AnExchangePassesNoneOn(t *testing.T) {
	h := protocol(t, payments())
	one := get(t, h, "payer", oauthtest.Exchange(paying(t, h, "api:read", ten)))
	if len(one.Details) == 0 {
		t.Fatal("no details")
	}
	two := get(t, h, "gate", exchange(one.AccessToken, "resource", stock))
	if c := claims(t, h, two); len(c.Details) > 0 || len(two.Details) > 0 {
		t.Errorf("%+v", c)
	}
	refused(t, h, "gate", exchange(one.AccessToken, "resource", stock, "authorization_details", ten), "invalid_authorization_details")
	spoiled := get(t, h, "payer", oauthtest.Exchange(paying(t, h, "api:read", `[{"type":"payment","value":"10"},{"type":"gone"}]`)))
	if string(spoiled.Details) != ten {
		t.Errorf("a type that is gone: %s", spoiled.Details)
	}
	refused(t, h, "spa", with(oauthtest.Exchange(h.Code(t, "spa", "openid", nil)), "authorization_details", ten),
		"invalid_authorization_details")
}
