package provider_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

// Rule D1: whole sign-ins with token responses that say beside the ID token what no standard has.
func TestWhatNothingDependsOnInATokenResponseEndsNoSignIn(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(body map[string]any) {
			if body[name] = value; value == nil {
				delete(body, name)
			}
		}
	}
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	settings.Offline = true
	p := openidProvider(t, settings, openidGuarded(t))
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		access  bool
		expires bool
	}{
		"as it should be":               {func(map[string]any) {}, true, true},
		"no access token":               {set("access_token", nil), false, false},
		"an empty access token":         {set("access_token", ""), false, false},
		"an access token that is null":  {func(b map[string]any) { b["access_token"] = nil }, false, false},
		"an access token in an object":  {set("access_token", map[string]any{"token": "x"}), false, false},
		"expires_in missing":            {set("expires_in", nil), true, false},
		"expires_in as text":            {set("expires_in", "3599"), true, true},
		"expires_in as text with point": {set("expires_in", "3599.0"), true, true},
		"expires_in as another text":    {set("expires_in", "soon"), true, false},
		"expires_in empty":              {set("expires_in", ""), true, false},
		"expires_in with a fraction":    {set("expires_in", 3599.5), true, true},
		"expires_in negative":           {set("expires_in", -1), true, false},
		"expires_in huge":               {set("expires_in", 1e300), true, false},
		"expires_in in a list":          {set("expires_in", []int{3599}), true, false},
		"expires_in true":               {set("expires_in", true), true, false},
		"Expires_In in capitals":        {func(b map[string]any) { delete(b, "expires_in"); b["Expires_In"] = "soon" }, true, false},
		"token_type missing":            {set("token_type", nil), true, true},
		"token_type in small letters":   {set("token_type", "bearer"), true, true},
		"token_type of another kind":    {set("token_type", "mac"), true, true},
		"token_type as a number":        {set("token_type", 7), true, true},
		"token_type in a list":          {set("token_type", []string{"Bearer"}), true, true},
		"refresh_token false":           {set("refresh_token", false), true, true},
		"scope in a list":               {set("scope", []string{"openid"}), true, true},
		"an error that is an object":    {set("error", map[string]any{}), true, true},
		"error fields that are empty":   {func(b map[string]any) { b["error"], b["error_description"] = "", 0 }, true, true},
	} {
		s.TamperResponse(tt.change)
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.Subject != openidAda.Subject || i.Email != openidAda.Email || !i.EmailVerified {
			t.Errorf("%s: %+v, %v", name, i, err)
			continue
		}
		if access := i.Tokens.Access != ""; access != tt.access || i.Tokens.Access == "none" {
			t.Errorf("%s: the access token is %q", name, i.Tokens.Access)
		}
		if expires := !i.Tokens.ExpiresAt.IsZero(); expires != tt.expires || expires && time.Until(i.Tokens.ExpiresAt) > time.Hour {
			t.Errorf("%s: expires at %v", name, i.Tokens.ExpiresAt)
		}
	}
	for name, change := range map[string]func(map[string]any){
		"no ID token": set("id_token", nil), "an ID token that is a number": set("id_token", 1),
		"an error beside the tokens": set("error", "invalid_grant"),
	} {
		s.TamperResponse(change)
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, provider.ErrUpstream)
	}
}

// Rule D1: lists of a discovery document that are none say nothing.
func TestOddListsInADiscoveryDocumentEndNoSignIn(t *testing.T) {
	for name, odd := range map[string]map[string]any{
		"texts":       {"scopes_supported": "openid email", "claims_supported": "sub", "code_challenge_methods_supported": "S256"},
		"objects":     {"response_types_supported": map[string]any{}, "userinfo_signing_alg_values_supported": map[string]any{}},
		"mixed lists": {"scopes_supported": []any{"openid", 7, nil}, "claims_supported": []any{nil, "sub"}},
	} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Metadata: odd}, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.Subject != openidAda.Subject {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
}

// Rule D1: userinfo as a signed JWT (OpenID Connect Core section 5.3.2) is verified and used; one that does not verify is as if there
// were none, and one that is of somebody else ends the sign-in.
func TestSignedUserinfoIsVerifiedAndUsed(t *testing.T) {
	o := federationtest.OIDCOptions{Slim: true}
	s, other := federationtest.NewOIDC(t, o, openidAda), federationtest.NewOIDC(t, o)
	with := func(more map[string]any) func(map[string]any) string {
		return func(claims map[string]any) string {
			maps.Copy(claims, more)
			return s.Sign(t, "JWT", claims)
		}
	}
	now := time.Now().Unix()
	ours := map[string]any{"iss": s.Issuer(), "aud": s.ClientID}
	cases := map[string]struct {
		media  string
		make   func(claims map[string]any) string
		listed any // userinfo_signing_alg_values_supported
		used   bool
		want   error
	}{
		"signed":                       {make: with(ours), used: true},
		"signed, with a parameter":     {media: "Application/JWT; charset=utf-8", make: with(ours), used: true},
		"with a line feed":             {make: func(c map[string]any) string { return with(ours)(c) + "\n" }, used: true},
		"for several":                  {make: with(map[string]any{"aud": []string{"x", s.ClientID}}), used: true},
		"without iss and aud":          {make: with(nil), used: true},
		"not expired":                  {make: with(map[string]any{"exp": now + 60}), used: true},
		"of its own type":              {make: func(c map[string]any) string { return s.Sign(t, "userinfo+jwt", c) }, used: true},
		"by an algorithm that listed":  {make: with(ours), listed: []string{"RS256", "ES256"}, used: true},
		"by another than listed":       {make: with(ours), listed: []string{"RS256"}},
		"listed are shared secrets":    {make: with(ours), listed: []string{"HS256", "none"}},
		"of another issuer":            {make: with(map[string]any{"iss": other.Issuer()})},
		"of an issuer that is none":    {make: with(map[string]any{"iss": 7})},
		"for another":                  {make: with(map[string]any{"aud": "x"})},
		"for nobody":                   {make: with(map[string]any{"aud": []string{}})},
		"expired":                      {make: with(map[string]any{"exp": now - 3600})},
		"a logout token":               {make: func(c map[string]any) string { return s.Sign(t, "logout+jwt", c) }},
		"an access token":              {make: func(c map[string]any) string { return s.Sign(t, "at+jwt", c) }},
		"signed by another":            {make: func(c map[string]any) string { return other.Sign(t, "JWT", c) }},
		"unsigned":                     {make: func(c map[string]any) string { return unsigned(with(ours)(c)) }},
		"signed with the client's own": {make: func(c map[string]any) string { return hmacSigned(t, with(ours)(c), []byte(s.ClientSecret)) }},
		"encrypted":                    {make: func(map[string]any) string { return "e30.e30.e30.e30.e30" }},
		"nonsense":                     {make: func(map[string]any) string { return "x" }},
		"nothing":                      {make: func(map[string]any) string { return "" }},
		"signed, and called JSON":      {media: "application/json", make: with(ours)},
		"of somebody else":             {make: with(map[string]any{"sub": "2"}), want: provider.ErrIdentity},
		"of nobody":                    {make: with(map[string]any{"sub": nil}), want: provider.ErrIdentity},
	}
	for name, tt := range cases {
		media := tt.media
		if media == "" {
			media = "application/jwt"
		}
		s.WriteUserinfo(func(claims map[string]any) (string, string) { return media, tt.make(claims) })
		s.Metadata("userinfo_signing_alg_values_supported", tt.listed)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		switch {
		case tt.want != nil:
			wantError(t, name, err, tt.want)
		case err != nil || i.Subject != openidAda.Subject:
			t.Errorf("%s: %+v, %v", name, i, err)
		case tt.used != (i.Email == openidAda.Email && i.EmailVerified && i.Text("name") == openidAda.Name), !tt.used && i.Email != "":
			t.Errorf("%s: used %v: %+v", name, !tt.used, i)
		case i.Claims["iss"] != nil || i.Claims["aud"] != nil:
			t.Errorf("%s: kept what is about the token: %v", name, i.Claims)
		}
		settings := openidSettings(s, provider.KindOIDC)
		settings.Domains = []string{"example.com"} // now who may come depends on it
		_, err = openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAuthRequest(), openidAda.Subject, nil)
		if (err == nil) != tt.used {
			t.Errorf("%s, and depended on: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "eyJ") {
			t.Errorf("%s: an error quotes the token: %v", name, err)
		}
	}
}
