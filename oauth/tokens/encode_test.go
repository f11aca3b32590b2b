package tokens_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"signet/oauth/keys/keystest"
	"signet/oauth/tokens"
)

// FuzzPayloads: what is written by hand is what encoding/json writes, whatever is in it.
func FuzzPayloads(f *testing.F) {
	i := newIssuer(f, keystest.Ring(f))
	f.Add("u1", "https://api.example", "", "openid profile", "pwd", int64(1_790_000_000), int64(0), false)
	f.Add("ü \"</script>\\&\u2028\x00\x1f\x7f\xff", "urn:x", "b,c", "a\tb", "otp,pwd", int64(1), int64(-1), true)
	f.Fuzz(func(t *testing.T, text, one, more, scope, amr string, at, auth int64, rare bool) {
		a := tokens.Access{
			Issuer: issuer, Subject: text, Audience: append(tokens.Audience{one}, fields(more)...), ClientID: text, Scope: scope,
			IssuedAt: at, ExpiresAt: at, JTI: text, AuthTime: auth, ACR: one, AMR: fields(amr), GrantID: more,
			Status: json.RawMessage(`{"status_list":{"idx":7,"uri":"https://id.example/oauth2/status/0"}}`),
		}
		if rare {
			a.Cnf, a.Act = json.RawMessage(`{ "jkt" : "<x>" }`), json.RawMessage(`{"sub":"robot"}`)
			a.MayAct, a.Details = a.Act, json.RawMessage(`[{"type":"payment"}]`)
			a.CallLimit, a.Groups, a.Roles = tokens.CallsADay(auth), fields(more), fields(amr)
			a.Status, a.ActStatus = nil, []json.RawMessage{a.Status}
		}
		token, err := i.SignAccess("", a)
		samePayload(t, token, err, a)

		r := tokens.Refresh{
			Issuer: issuer, Audience: issuer, ClientID: text, GrantID: one, Generation: at, IssuedAt: at, ExpiresAt: at,
		}
		token, err = i.SignRefresh(r)
		samePayload(t, token, err, r)

		id := tokens.ID{
			Issuer: issuer, Subject: text, Audience: a.Audience, ExpiresAt: at, IssuedAt: at, AuthTime: auth, Nonce: scope, ACR: one,
			AMR: a.AMR, AuthorizedParty: text, SessionID: more, GrantID: one, AccessTokenHash: scope, CodeHash: amr,
		}
		token, err = i.SignID("", id)
		samePayload(t, token, err, id)
	})
}

func fields(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func samePayload(t *testing.T, token string, err error, claims any) {
	t.Helper()
	if err != nil {
		return // one that must be there is not
	}
	got, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(claims)
	if err != nil || string(got) != string(want) {
		t.Fatalf("the payload is %s, want %s (%v)", got, want, err)
	}
}

// TestPayloadsHaveEveryClaim: a claim that is new in a struct is written, too.
func TestPayloadsHaveEveryClaim(t *testing.T) {
	i := newIssuer(t, keystest.Ring(t))
	var a tokens.Access
	var r tokens.Refresh
	var id tokens.ID
	for _, claims := range []any{&a, &r, &id} {
		v := reflect.ValueOf(claims).Elem()
		for _, field := range v.Fields() {
			switch x := field.Addr().Interface().(type) {
			case *string:
				*x = issuer
			case *int64:
				*x = 7
			case *[]string:
				*x = []string{"one", "two"}
			case *tokens.Audience:
				*x = tokens.Audience{"one"}
			case *json.RawMessage:
				*x = json.RawMessage(`{"a":1}`)
			case *[]json.RawMessage:
				*x = []json.RawMessage{json.RawMessage(`{"a":1}`)}
			case **tokens.CallLimit:
				*x = tokens.CallsADay(3)
			case *map[string]any: // what is told of a person
			default:
				t.Fatalf("nothing is known to put into a %T", x)
			}
		}
	}
	token, err := i.SignAccess("", a)
	if err != nil {
		t.Fatal(err)
	}
	samePayload(t, token, err, a)
	token, err = i.SignRefresh(r)
	samePayload(t, token, err, r)
	token, err = i.SignID("", id)
	samePayload(t, token, err, id)
}

// TestExtraClaimsReplaceNothing: what a map of an app adds to its tokens stands beside what the protocol says, each name once.
func TestExtraClaimsReplaceNothing(t *testing.T) {
	i := newIssuer(t, keystest.Ring(t))
	a := access()
	a.Groups, a.Roles = []string{"staff"}, []string{"editor"}
	taken := strings.Fields("iss sub aud exp iat nbf jti nonce acr amr cnf act may_act sid azp auth_time at_hash c_hash events scope " +
		"client_id authorization_details grant_id status act_status call_limit")
	a.Extra = map[string]any{"department": "<Sales>", "roles": []string{"reader"}}
	for _, name := range taken {
		a.Extra[name] = "forged"
	}
	token, err := i.SignAccess("", a)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil || strings.Contains(string(raw), "forged") {
		t.Fatalf("%s, %v", raw, err)
	}
	for name, want := range map[string]int{"groups": 1, "roles": 1, "department": 1, "sub": 1, "scope": 1} {
		if got := strings.Count(string(raw), `"`+name+`":`); got != want {
			t.Errorf("%s is there %d times in %s", name, got, raw)
		}
	}
	got, err := i.VerifyAccess(token)
	if err != nil || got.Subject != a.Subject || !reflect.DeepEqual(got.Roles, []string{"reader"}) ||
		!reflect.DeepEqual(got.Groups, a.Groups) {
		t.Errorf("read as %+v, %v", got, err)
	}
}
