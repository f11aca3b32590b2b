package oauth_test

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/storage"
)

func TestWhatIsTooLongToBeReadIsNotSigned(t *testing.T) {
	h := registered(t, protocol(t, oauthtest.Options{}))
	join := func(from, to int) {
		for i := from; i < to; i++ {
			name := fmt.Sprintf("%s-%03d", strings.Repeat("g", 56), i)
			if err := h.DB.InsertGroup(t.Context(), storage.Group{Name: name, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			if _, err := h.DB.AddMember(t.Context(), name, oauthtest.Ada, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	join(0, 90)
	got := first(t, h, "shop", "openid groups offline_access")
	if _, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken}); err != nil {
		t.Errorf("90 groups: %v", err)
	}
	join(90, 240)
	code := h.Code(t, "shop", "openid groups offline_access", nil)
	for range 2 { // nothing is used up
		_, err := token(t, h, "shop", oauthtest.Exchange(code))
		wants(t, err, "invalid_scope")
		if !strings.Contains(err.Error(), "240 groups") {
			t.Errorf("%v does not name the groups", err)
		}
		refused(t, h, "shop", oauthtest.Refresh(got.RefreshToken), "invalid_scope")
	}
	first(t, h, "shop", "openid offline_access")
}

// The limit of the ID token is one of its own: here the access token names no groups. What the client's registration filters does not
// count.
func TestAnIDTokenThatIsTooLongIsNotSigned(t *testing.T) {
	h := protocol(t, oauthtest.Options{})
	for i := range 260 {
		name := fmt.Sprintf("%s-%03d", strings.Repeat("g", 56), i)
		if i < 3 {
			name = fmt.Sprintf("shop-%d", i)
		}
		if err := h.DB.InsertGroup(t.Context(), storage.Group{Name: name, CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.DB.AddMember(t.Context(), name, oauthtest.Ada, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	m := h.Client(t, "shop").Metadata
	m.GroupsClaim = "teams"
	h = h.WithClient(t, m)
	code := h.Code(t, "shop", "openid", nil)
	_, err := token(t, h, "shop", oauthtest.Exchange(code))
	wants(t, err, "invalid_scope")
	if !strings.Contains(err.Error(), "ID token") || !strings.Contains(err.Error(), "260 groups") {
		t.Errorf("%v does not say what is too long and why", err)
	}
	m.GroupsFilter = []string{"shop-*"}
	h = h.WithClient(t, m)
	got, err := token(t, h, "shop", oauthtest.Exchange(code)) // nothing was used up
	if err != nil {
		t.Fatal(err)
	}
	if len(got.IDToken) > 16<<10 {
		t.Errorf("an ID token of %d bytes", len(got.IDToken))
	}
	told, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken})
	if want := []string{"shop-0", "shop-1", "shop-2"}; err != nil || !reflect.DeepEqual(told.Claims["teams"], want) {
		t.Errorf("userinfo tells %v, %v; want %v", told.Claims["teams"], err, want)
	}
	m.GroupsClaim, m.Scope = "", "openid groups"
	h = h.WithClient(t, m)
	if got, err = token(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", "openid groups", nil))); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{got.AccessToken, got.IDToken} {
		if text := payloadText(t, raw); !strings.Contains(text, `"groups":["shop-0","shop-1","shop-2"]`) {
			t.Errorf("a token tells %.300s", text)
		}
	}
}

// payloadText is the payload of a token as it was signed.
func payloadText(t *testing.T, raw string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Id_token_claims counts for every grant that issues an ID token, also where nobody stood at the authorization endpoint.
func TestTheIDTokenOfThePasswordGrantSaysWhoItIs(t *testing.T) {
	all := protocol(t, oauthtest.Options{Passwords: passwords{}})
	for _, said := range []bool{false, true} {
		m := all.Client(t, "legacy").Metadata
		m.IDTokenClaims, m.Scope = said, "openid profile email offline_access"
		h := all.WithClient(t, m)
		got := get(t, h, "legacy", passwordForm("scope", "openid profile email offline_access"))
		again := get(t, h, "legacy", oauthtest.Refresh(got.RefreshToken))
		for what, raw := range map[string]string{"first": got.IDToken, "refreshed": again.IDToken} {
			text := payloadText(t, raw)
			if strings.Contains(text, `"email":"`) != said || strings.Contains(text, `"name":"`) != said ||
				!strings.Contains(text, `"sub":"`+oauthtest.Ada+`"`) {
				t.Errorf("%s, id_token_claims %v: %s", what, said, text)
			}
		}
	}
}
