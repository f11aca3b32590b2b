package oauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/oauthtest"
	"signet/oauth/trusted"
	"signet/storage"
	"signet/storage/storagetest"
)

const idJAG = "oauth-id-jag+jwt"

// TestIDJAG_4_4_IsForOneAppAndMayComeAgain (draft-ietf-oauth-identity-assertion-authz-grant): each token is a grant of its own, on both
// engines, and none outlives what ends the person's grants.
func TestIDJAG_4_4_IsForOneAppAndMayComeAgain(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		h, e := trustingIn(t, oauthtest.Options{DB: db, IDJAG: true}, func(i *trusted.Issuer) { i.Clients = append(i.Clients, "stranger") })
		form := asserts(e.sign(map[string]any{"client_id": "crm", "scope": "api:read"}, "typ", idJAG))
		one, two := get(t, h, "crm", form), get(t, h, "crm", form)
		a, b := claims(t, h, one), claims(t, h, two)
		if a.Subject != oauthtest.Ada || a.Scope != "api:read" || a.GrantID == b.GrantID || one.RefreshToken != "" || one.IDToken != "" {
			t.Errorf("%+v and %+v", a, b)
		}
		refused(t, h, "stranger", form, "invalid_grant") // is another client than client_id, although its issuer's
		if err := db.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "crm", one.AccessToken).Active || about(t, h, "crm", two.AccessToken).Active {
			t.Error("a token outlives the person's grants")
		}
	})
}

func TestIDJAG_4_4_1_Rules(t *testing.T) {
	h, e := trustingIn(t, oauthtest.Options{DB: storagetest.SQLite(t), IDJAG: true}, func(i *trusted.Issuer) {
		i.Reusable, i.Audiences = true, []string{"signet", oauthtest.Issuer}
	})
	for name, bad := range map[string]map[string]any{
		"no client_id":           {},
		"another client":         {"client_id": "careful"},
		"client_id as a list":    {"client_id": []string{"crm"}},
		"another name of ours":   {"client_id": "crm", "aud": "signet"},
		"no jti":                 {"client_id": "crm", "jti": nil},
		"no iat":                 {"client_id": "crm", "iat": nil},
		"no person":              {"client_id": "crm", "sub": "emp-8", "email": "ada@example.com", "email_verified": true},
		"details":                {"client_id": "crm", "authorization_details": []any{}},
		"an empty resource":      {"client_id": "crm", "resource": []string{}},
		"a resource of numbers":  {"client_id": "crm", "resource": []int{1}},
		"no name of a resource":  {"client_id": "crm", "resource": ""},
		"another case":           {"Client_id": "crm"},
		"a scope that's no text": {"client_id": "crm", "scope": []string{"api:read"}},
		"another's key":          {"client_id": "crm", "cnf": map[string]any{"jkt": "x"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "crm", asserts(e.sign(bad, "typ", idJAG)), "invalid_grant") })
	}
	// it narrows what the issuer is trusted with, and widens nothing
	narrow := func(claims map[string]any) string {
		claims["client_id"] = "crm"
		return e.sign(claims, "typ", idJAG)
	}
	files := narrow(map[string]any{"scope": "files:read api:write", "resource": []string{oauthtest.Files + "/"}})
	if a := get(t, h, "crm", asserts(files, "resource", "")); a.Scope != "files:read" || claims(t, h, a).Audience[0] != oauthtest.Files {
		t.Errorf("narrowed: %+v", a)
	}
	refused(t, h, "crm", asserts(files), "invalid_target") // of the API
	refused(t, h, "crm", asserts(files, "resource", "", "scope", "api:read"), "invalid_scope")
	refused(t, h, "crm", asserts(files, "resource", "", "scope", "api:write"), "invalid_scope") // the issuer is not good for it
	refused(t, h, "crm", asserts(narrow(map[string]any{"scope": ""}), "resource", ""), "invalid_scope")
	refused(t, h, "crm", asserts(narrow(map[string]any{"resource": "https://other.test"}), "resource", ""), "invalid_target")
	// a plain assertion does not become one by its claims
	get(t, h, "crm", asserts(e.sign(map[string]any{"client_id": "careful", "aud": "signet"})))
}

// TestIDJAG_EndsWithItsTime, and has bounds of time as other assertions.
func TestIDJAG_EndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, e := trustingIn(t, oauthtest.Options{DB: storagetest.SQLite(t), IDJAG: true}, nil)
		form := asserts(e.sign(map[string]any{"client_id": "crm"}, "typ", idJAG))
		time.Sleep(65 * time.Second)
		get(t, h, "crm", form)
		time.Sleep(6 * time.Second)
		refused(t, h, "crm", form, "invalid_grant")
		long := map[string]any{"client_id": "crm", "exp": time.Now().Unix() + 3600}
		refused(t, h, "crm", asserts(e.sign(long, "typ", idJAG)), "invalid_grant")
	})
}
