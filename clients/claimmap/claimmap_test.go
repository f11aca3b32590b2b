package claimmap_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signet/clients/claimmap"
)

// TestNoMapSetsWhatIsNotItsOwn: claims of the protocol, those that people are known by, and claims that are given already are refused, and
// a row that has one all the same gives nothing.
func TestNoMapSetsWhatIsNotItsOwn(t *testing.T) {
	for claim := range strings.FieldsSeq(`iss sub aud exp iat nbf jti nonce acr amr cnf act may_act sid azp auth_time at_hash c_hash s_hash
		events scope client_id authorization_details grant_id status act_status call_limit active username token_type email email_verified
		phone_number phone_number_verified _claim_names _claim_sources urn:openid:params:jwt:claim:rt_hash URN:x SUB Email EMAIL_VERIFIED Acr`) {
		rule := claimmap.Rule{Claim: claim, Value: "x", Into: []string{claimmap.IDToken, claimmap.Userinfo, claimmap.AccessToken}}
		if len(claimmap.Validate([]claimmap.Rule{rule})) == 0 {
			t.Errorf("%s can be set", claim)
		}
		for _, place := range rule.Into {
			if got := claimmap.Apply([]claimmap.Rule{rule}, place, nil, claimmap.Known{}); got != nil {
				t.Errorf("%s in %s: %v", claim, place, got)
			}
		}
	}
	for _, claim := range []string{"Groups", "ROLES", "Entitlements"} { // programs that read without case take them for the list
		if len(claimmap.Validate([]claimmap.Rule{{Claim: claim, Value: "admins"}})) == 0 {
			t.Errorf("%s can be set to a text", claim)
		}
	}
	twice := []claimmap.Rule{{Claim: "a", Value: "x"}, {Claim: "a", Value: "y"}}
	if len(claimmap.Validate(twice)) == 0 || len(claimmap.Validate(twice[:1], "a")) == 0 || len(claimmap.Validate(twice[:1], "", "b")) > 0 {
		t.Error("a claim is given twice")
	}
}

// TestRulesAreChecked, each with what is said about it.
func TestRulesAreChecked(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many[strings.Repeat("x", i+1)] = "y"
	}
	for want, r := range map[string]claimmap.Rule{
		"for a claim": {Claim: "a b", Value: "x"}, "1 to 100": {Claim: strings.Repeat("a", 101), Value: "x"},
		"digits":                {Value: "x"},
		"none of metadata.PATH": {Claim: "a", From: "user.email"}, `"metadata."`: {Claim: "a", From: "metadata."},
		`"metadata.a..b"`: {Claim: "a", From: "metadata.a..b"}, `"metadata.a.b.c.d.e.f"`: {Claim: "a", From: "metadata.a.b.c.d.e.f"},
		`"metadata.a b"`: {Claim: "a", From: "metadata.a b"}, `"claims.password"`: {Claim: "a", From: "claims.password"},
		`"claims.sub"`: {Claim: "a", From: "claims.sub"}, `"metadata"`: {Claim: "a", From: "metadata"},
		"say where": {Claim: "a"}, "value: use": {Claim: "a", Value: "\u202e"}, "200 bytes": {Claim: "a", Value: strings.Repeat("x", 201)},
		"as:": {Claim: "a", Value: "x", As: "json"}, "prefix:": {Claim: "a", From: "groups", Prefix: "\u200b"},
		"values: at most": {Claim: "a", From: "groups", Values: many},
		"values: use":     {Claim: "a", From: "groups", Values: map[string]string{"": "x"}},
		"scope:":          {Claim: "a", Value: "x", Scope: "a b"}, `into: "header"`: {Claim: "a", Value: "x", Into: []string{"header"}},
		"each once":     {Claim: "a", Value: "x", Into: []string{"id_token", "id_token"}},
		"as a list":     {Claim: "roles", Value: "admin"},
		"take it from":  {Claim: "roles", From: "metadata.role"},
		"is a list":     {Claim: "groups", From: "groups", As: "joined"},
		"or roles":      {Claim: "entitlements", From: "claims.name"},
		"groups or rol": {Claim: "roles", From: "groups", Value: "admin"},
	} {
		errs := claimmap.Validate([]claimmap.Rule{r})
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%+v: %v, want %q", r, errs, want)
		}
	}
	if len(claimmap.Validate(make([]claimmap.Rule, 51))) != 1 {
		t.Error("51 rules are taken")
	}
	if errs := claimmap.Validate([]claimmap.Rule{
		{Claim: "https://app.example/dept", From: "metadata.work.dept", As: "text", Scope: "profile", Into: []string{"access_token"}},
		{Claim: "roles", From: "groups", Prefix: "shop-", Values: map[string]string{"a": "b"}, As: "list"}, {Claim: "name", From: "claims.email"},
	}); len(errs) > 0 {
		t.Error(errs)
	}
}

var ada = claimmap.Known{
	Metadata: map[string]any{"dept": "Sales", "level": json.Number("3"), "on": true, "work": map[string]any{"site": "Wien"},
		"tags": []any{"a", "b"}, "mixed": []any{"a", map[string]any{}}, "null": nil, "digits": "12", "words": "x y"},
	Groups: []string{"shop-admin", "shop-clerk", "board"}, Roles: []string{"editor"},
	Claim: func(name string) any {
		return map[string]any{"email": "ada@example.com", "email_verified": true, "updated_at": int64(7)}[name]
	},
}

// TestWhatRulesComeTo, as JSON; "" = the claim is left out.
func TestWhatRulesComeTo(t *testing.T) {
	for _, c := range []struct {
		rule claimmap.Rule
		want string
	}{
		{claimmap.Rule{From: "metadata.dept"}, `"Sales"`},
		{claimmap.Rule{From: "metadata.level"}, `3`}, {claimmap.Rule{From: "metadata.on"}, `true`},
		{claimmap.Rule{From: "metadata.work"}, `{"site":"Wien"}`}, {claimmap.Rule{From: "metadata.work.site"}, `"Wien"`},
		{claimmap.Rule{From: "metadata.work.site.more"}, ""},
		{claimmap.Rule{From: "metadata.none"}, ""}, {claimmap.Rule{From: "metadata.null"}, ""},
		{claimmap.Rule{From: "metadata.none", Value: "Other"}, `"Other"`}, {claimmap.Rule{From: "metadata.dept", Value: "Other"}, `"Sales"`},
		{claimmap.Rule{From: "metadata.level", As: "text"}, `"3"`}, {claimmap.Rule{From: "metadata.digits", As: "number"}, `12`},
		{claimmap.Rule{From: "metadata.dept", As: "number"}, ""}, {claimmap.Rule{Value: "NaN", As: "number"}, ""},
		{claimmap.Rule{Value: "1e999", As: "number"}, ""}, {claimmap.Rule{Value: "0x1", As: "number"}, ""},
		{claimmap.Rule{From: "metadata.on", As: "bool"}, `true`}, {claimmap.Rule{From: "metadata.dept", As: "bool"}, ""},
		{claimmap.Rule{From: "metadata.on", As: "text"}, `"true"`}, {claimmap.Rule{From: "metadata.dept", As: "list"}, `["Sales"]`},
		{claimmap.Rule{From: "metadata.tags"}, `["a","b"]`}, {claimmap.Rule{From: "metadata.tags", As: "joined"}, `"a b"`},
		{claimmap.Rule{From: "metadata.mixed"}, `["a",{}]`}, {claimmap.Rule{From: "metadata.mixed", As: "joined"}, ""},
		{claimmap.Rule{From: "metadata.work", As: "text"}, ""}, {claimmap.Rule{From: "metadata.work", Prefix: "x"}, ""},
		{claimmap.Rule{From: "metadata.dept", Values: map[string]string{"Sales": "S"}}, `"S"`},
		{claimmap.Rule{From: "metadata.dept", Values: map[string]string{"sales": "S"}}, ""},
		{claimmap.Rule{From: "metadata.dept", Prefix: "Sa"}, `"les"`}, {claimmap.Rule{From: "metadata.dept", Prefix: "x"}, ""},
		{claimmap.Rule{From: "groups"}, `["shop-admin","shop-clerk","board"]`},
		{claimmap.Rule{From: "groups", Prefix: "shop-"}, `["admin","clerk"]`},
		{claimmap.Rule{From: "groups", Prefix: "shop-", Values: map[string]string{"admin": "owner", "clerk": "owner"}}, `["owner"]`},
		{claimmap.Rule{From: "groups", Values: map[string]string{"board": "yes"}, As: "bool"}, `true`},
		{claimmap.Rule{From: "groups", Values: map[string]string{"staff": "yes"}, As: "bool"}, `false`},
		{claimmap.Rule{From: "groups", Values: map[string]string{"board": "yes"}, As: "text"}, `"yes"`},
		{claimmap.Rule{From: "groups", As: "text"}, ""}, {claimmap.Rule{From: "roles", As: "joined"}, `"editor"`},
		{claimmap.Rule{From: "groups", Prefix: "x"}, `[]`},
		{claimmap.Rule{From: "claims.email"}, `"ada@example.com"`}, {claimmap.Rule{From: "claims.email_verified", As: "text"}, `"true"`},
		{claimmap.Rule{From: "claims.updated_at", As: "text"}, `"7"`}, {claimmap.Rule{From: "claims.name"}, ""},
		{claimmap.Rule{Value: "gold"}, `"gold"`},
		{claimmap.Rule{Value: "true", As: "bool"}, `true`}, {claimmap.Rule{Value: "7", As: "number"}, `7`},
		{claimmap.Rule{Value: "gold", Scope: "profile"}, `"gold"`}, {claimmap.Rule{Value: "gold", Scope: "email"}, ""},
		{claimmap.Rule{Value: "gold", Into: []string{"access_token", "userinfo"}}, ""},
	} {
		c.rule.Claim = "x"
		got := claimmap.Apply([]claimmap.Rule{c.rule}, claimmap.IDToken, []string{"openid", "profile"}, ada)
		raw, err := json.Marshal(got["x"])
		if _, has := got["x"]; !has {
			raw = nil
		}
		if err != nil || string(raw) != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.rule, raw, err, c.want)
		}
	}
	if got := claimmap.Apply([]claimmap.Rule{{Claim: "x", From: "claims.email"}}, claimmap.IDToken, nil, claimmap.Known{}); got != nil {
		t.Errorf("of nobody: %v", got)
	}
}

// TestPlacesAndReads: a claim goes where the rule says, and what is read is what the rules name.
func TestPlacesAndReads(t *testing.T) {
	rules := []claimmap.Rule{{Claim: "a", From: "metadata.x"}, {Claim: "b", From: "groups", Into: []string{"access_token"}}}
	for place, want := range map[string][]string{"id_token": {"a"}, "userinfo": {"a"}, "access_token": {"b"}, "header": nil} {
		if got := claimmap.Names(rules, place); !slices.Equal(got, want) || claimmap.Goes(rules, place) != (want != nil) {
			t.Errorf("%s: %v", place, got)
		}
	}
	if m, g, r := claimmap.Reads(rules); !m || !g || r {
		t.Error(m, g, r)
	}
	if m, g, r := claimmap.Reads(nil); m || g || r {
		t.Error(m, g, r)
	}
	other := slices.Clone(rules)
	other[1].Values = map[string]string{"a": "b"}
	if !claimmap.Same(rules, slices.Clone(rules)) || claimmap.Same(rules, other) || claimmap.Same(rules, rules[:1]) ||
		!claimmap.Same(nil, []claimmap.Rule{}) {
		t.Error("maps are not compared")
	}
	rule := reflect.TypeFor[claimmap.Rule]()
	for i := range rule.NumField() { // Same looks at every field
		var r claimmap.Rule
		switch f := reflect.ValueOf(&r).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*f = "x"
		case *[]string:
			*f = []string{"x"}
		case *map[string]string:
			*f = map[string]string{"x": "y"}
		}
		if claimmap.Same([]claimmap.Rule{r}, []claimmap.Rule{{}}) {
			t.Errorf("%s is not compared", rule.Field(i).Name)
		}
	}
}

// FuzzRules: a map that is taken gives only its own claims, as JSON that can be written; one that is not taken gives no reserved one.
func FuzzRules(f *testing.F) {
	f.Add(`[{"claim":"a","from":"metadata.dept","values":{"Sales":"S"}},{"claim":"roles","from":"groups","prefix":"shop-"}]`, "profile")
	f.Add(`[{"claim":"sub","value":"root"},{"claim":"n","value":"1e3","as":"number"}]`, "")
	f.Fuzz(func(t *testing.T, text, scope string) {
		var rules []claimmap.Rule
		if json.Unmarshal([]byte(text), &rules) != nil {
			return
		}
		valid := len(claimmap.Validate(rules)) == 0
		for _, place := range []string{claimmap.IDToken, claimmap.Userinfo, claimmap.AccessToken} {
			got := claimmap.Apply(rules, place, []string{scope}, ada)
			if _, err := json.Marshal(got); err != nil {
				t.Fatalf("%v: %v", got, err)
			}
			for claim, value := range got {
				if claimmap.Reserved(claim) || valid && !slices.Contains(claimmap.Names(rules, place), claim) {
					t.Fatalf("sets %q", claim)
				}
				if _, list := value.([]string); valid && claimmap.Listed(claim) && !list {
					t.Fatalf("%s is %v", claim, value)
				}
			}
		}
	})
}
