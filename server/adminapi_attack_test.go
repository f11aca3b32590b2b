package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/tokens"
	"signet/users/membership"
)

// TestADM22_OneReadingOfABody: what one reader takes for a field, and another does not, is refused; so is what is there twice.
func TestADM22_OneReadingOfABody(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	id := d.want(201, "POST /people", map[string]any{"email": "ada@example.com"})["id"].(string)
	d.want(201, "POST /clients",
		map[string]any{"client_id": "shop", "client_name": "Shop", "redirect_uris": []string{"https://shop.example/cb"}})
	long := strings.Repeat("x", 2000)
	for _, c := range [][3]string{
		{"POST /people", `{"email": "a@example.com", "email": "b@example.com"}`, "/email"},
		{"POST /people", `{"EMAIL": "a@example.com"}`, "/EMAIL"},
		{"POST /people", `{"email": "a@example.com", "password": "p", "Password": "` + long + `"}`, "/Password"},
		{"POST /people", `{"email": "a@example.com", "claims": {"name": "A", "name": "B"}}`, "/claims/name"},
		{"PATCH /people/" + id, `{"claims": {"address": {"locality": "A", "locality": "B"}}}`, "/claims/address/locality"},
		{"POST /clients", `{"Client_ID": "x", "redirect_uris": ["https://x.example/"]}`, "/Client_ID"},
		{"POST /clients", `{"CLIENT_SECRET": "mine", "redirect_uris": ["https://x.example/"]}`, "/CLIENT_SECRET"},
		{"PATCH /clients/shop", `{"client_name": "A", "Client_Name": "B"}`, "/Client_Name"},
		{"PATCH /clients/shop", `{"scope": "openid", "scope": "openid email"}`, "/scope"},
		{"PUT /clients/shop", `{"redirect_uris": ["https://x.example/"], "First_Party": true}`, "/First_Party"},
		{"PUT /roles/mine", `{"permissions": [], "permissions": ["people:read"]}`, "/permissions"},
		{"PUT /resources/" + url.PathEscape("https://api.example"), `{"Scopes": ["read"]}`, "/Scopes"},
	} {
		status, answer := d.call(c[0], c[1], "If-Match: *")
		raw, _ := json.Marshal(answer)
		if status != 422 || !strings.Contains(string(raw), `"pointer":"`+c[2]+`"`) {
			t.Errorf("%s %.80s: %d %s", c[0], c[1], status, raw)
		}
	}
	for _, body := range []string{`{"email": 1e987654}`, `{"email": "a@example.com"}987654`, `987654e999`} {
		status, answer := d.call("POST /people", body)
		if raw, _ := json.Marshal(answer); status < 400 || status >= 500 || strings.Contains(string(raw), "987654") {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
	status, answer := d.call("POST /people", `{}`, "Content-Type: text/987654")
	if raw, _ := json.Marshal(answer); status != 415 || strings.Contains(string(raw), "987654") {
		t.Errorf("%d %s", status, raw)
	}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	d.want(422, "POST /people", `{"email": "a@example.com", "claims": {"address": `+deep+`}}`)
}

// TestADM23_AProofIsForTheAddressAsItIsWritten: what is escaped in a path is so in htu, and a proof for a path with another meaning is
// none.
func TestADM23_AProofIsForTheAddressAsItIsWritten(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	key := dpoptest.New(t)
	robot := d.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.DPoPBoundAccessTokens, m.Scope = true, true, "signet:people:read signet:people:write signet:groups:write"
		m.GrantTypes, m.ResponseTypes, m.RedirectURIs = []string{clients.ClientCredentials}, nil, nil
	})
	b := bound{t, d.Server, robot, key}
	status, got, _ := b.post(d.Server, url.Values{"grant_type": {clients.ClientCredentials}}, b.proof())
	if status != 200 {
		t.Fatal(status, got)
	}
	token := got["access_token"].(string)
	d.want(204, "PUT /groups/eu%2Fstaff", map[string]any{})
	d.token = ""
	ask := func(path, proven string) int {
		claims := dpoptest.Claims("GET", d.URL+"/api/admin/v1"+proven)
		claims["ath"] = dpoptest.Hash(token)
		status, _ := d.call("GET "+path, nil, "Authorization: DPoP "+token, "DPoP: "+key.Sign(t, claims, nil))
		return status
	}
	if got := ask("/groups/eu%2Fstaff/members", "/groups/eu%2Fstaff/members"); got != 200 {
		t.Errorf("the address as it is written: %d", got)
	}
	if got := ask("/groups/eu%2fstaff/members", "/groups/eu%2Fstaff/members?limit=2"); got != 200 {
		t.Errorf("the same in other letters: %d", got)
	}
	if got := ask("/groups/eu%2Fstaff/members", "/groups/eu/staff/members"); got != 401 {
		t.Errorf("another address: %d", got)
	}
	claims := dpoptest.Claims("POST", d.URL+"/api/admin/v1/people:import")
	claims["ath"] = dpoptest.Hash(token)
	d.want(200, "POST /people:import", `{"email":"ada@example.com"}`+"\n", "Content-Type: application/jsonl", "Authorization: DPoP "+token,
		"DPoP: "+key.Sign(t, claims, nil)) // its sender is looked at twice, the proof once
}

// TestADM24_PeopleComeWithTwoFactors: a token that a password alone got lets nobody in, whatever role they hold, and the page that gives
// one asks for more.
func TestADM24_PeopleComeWithTwoFactors(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	boss := d.Person(t, "boss@example.com")
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	err := d.Services().Admin.GiveRole(t.Context(), root, admin.RoleAuditor, membership.Holder{UserID: boss.ID}) // need have no second factor
	if err != nil {
		t.Fatal(err)
	}
	tool := d.App(t, "tool", func(m *clients.Metadata) {
		m.FirstParty, m.Scope = true, "signet:people:read"
		m.GrantTypes = append(m.GrantTypes, clients.Password)
	})
	status, got := tool.Post(t, "/oauth2/token", url.Values{"grant_type": {"password"}, "username": {boss.Email},
		"password": {boss.Password}, "scope": {"signet:people:read"}})
	if status != 400 || got["error"] != "invalid_target" {
		t.Errorf("by a password: %d %v", status, got)
	}
	b := d.Browser(t)
	b.Get(t, "/signin").SignIn(t, boss)
	tool.With("signet:people:read").Begin(t, b)
	if b.Landed != nil || !strings.Contains(b.URL.Path, "/signin") {
		t.Errorf("a password alone led to %s %v", b.URL, b.Landed)
	}
	factor := d.AddAuthenticator(t, boss)
	b = d.Browser(t)
	signInWith(t, b, boss, factor)
	d.token = tool.With("signet:people:read").Login(t, b, boss).AccessToken
	d.want(200, "GET /people", nil)
	seen, err := tokens.New(d.URL, d.Services().Keys, tokens.Options{})
	if err != nil {
		t.Fatal(err)
	}
	weak, err := seen.VerifyAccess(d.token)
	if err != nil {
		t.Fatal(err)
	}
	weak.ACR, weak.JTI = "1", "weak" // as a grant of a release that demanded nothing
	if d.token, err = seen.SignAccess("", weak); err != nil {
		t.Fatal(err)
	}
	d.want(401, "GET /people", nil)
	if h := d.head.Get("WWW-Authenticate"); !strings.Contains(h, "insufficient_user_authentication") || !strings.Contains(h, "acr_values=") {
		t.Errorf("challenge %q", h)
	}
	d.AgeSessions(t, boss.ID, time.Hour)
	tool.With("signet:people:read").Begin(t, b)
	if b.Landed != nil || !strings.Contains(b.URL.Path, "/signin") {
		t.Errorf("an old sign-in led to %s %v", b.URL, b.Landed)
	}
}
