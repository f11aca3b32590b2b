package register_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/server/servertest"
)

const directory = "https://directory.example"

// vouch signs a software statement.
func vouch(t *testing.T, key any, typ string, claims document) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newKey(t *testing.T) (key *ecdsa.PrivateKey, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "d"}}})
	if err != nil {
		t.Fatal(err)
	}
	return key, string(set)
}

func TestSoftwareStatement_ItsClaimsWin(t *testing.T) { // RFC 7591 section 2.3
	key, public := newKey(t)
	other, _ := newKey(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(
		"registration: {mode: open, require_software_statement: true, software_statement_issuers: [{issuer: \""+directory+"\", jwks: "+public+
			"}]}"))
	claims := func(pairs ...any) document {
		d := document{"iss": directory, "software_id": "4NRB1", "client_name": "The real one",
			"redirect_uris": []string{"https://real.example/cb"}, "first_party": true}
		for i := 0; i < len(pairs); i += 2 {
			d[pairs[i].(string)] = pairs[i+1]
		}
		return d
	}
	good := vouch(t, key, "JWT", claims("exp", time.Now().Add(time.Hour).Unix()))
	status, _, made := send(t, s, "POST", at, "",
		document{"software_statement": good, "client_name": "Mine", "redirect_uris": []string{"https://evil.example/cb"}})
	if status != http.StatusCreated || text(made, "client_name") != "The real one" || text(made, "software_id") != "4NRB1" ||
		made["software_statement"] != good ||
		words(made, "redirect_uris")[0] != "https://real.example/cb" {
		t.Fatalf("%d %v", status, made)
	}
	c, err := s.Services().Clients.Client(t.Context(), text(made, "client_id"))
	if err != nil || c.FirstParty {
		t.Errorf("a statement gave what only an operator gives: %+v %v", c, err)
	}
	in := vouch(t, key, "JWT", claims("client_name#de", "Der echte"))
	status, _, translated := send(t, s, "POST", at, "", document{"software_statement": in, "client_name#de": "Deutsche Bank",
		"client_name#DE": "Deutsche Bank", "client_name#fr": "La Banque", "tos_uri#de": "https://a.example/agb"})
	if status != http.StatusCreated || text(translated, "client_name#de") != "Der echte" || translated["client_name#DE"] != nil ||
		translated["client_name#fr"] != nil || text(translated, "tos_uri#de") == "" {
		t.Errorf("a translation says something else than the statement: %d %v", status, translated)
	}
	plain := document{"client_id": text(made, "client_id"), "redirect_uris": []string{"https://evil.example/cb"}}
	if status, _, got := send(t, s, "PUT", at+"/"+text(made, "client_id"), text(made, "registration_access_token"),
		plain); status != http.StatusBadRequest || text(got, "error") != "invalid_software_statement" {
		t.Errorf("changed without a statement: %d %v", status, got)
	}
	for name, tt := range map[string]struct {
		statement any
		code      string
	}{
		"none": {nil, "invalid_software_statement"}, "a number": {1, "invalid_software_statement"}, "text": {"x", "invalid_software_statement"},
		"unsigned":       {"eyJhbGciOiJub25lIn0.e30.", "invalid_software_statement"},
		"another's key":  {vouch(t, other, "", claims()), "invalid_software_statement"},
		"expired":        {vouch(t, key, "", claims("exp", time.Now().Add(-time.Hour).Unix())), "invalid_software_statement"},
		"not yet":        {vouch(t, key, "", claims("nbf", time.Now().Add(time.Hour).Unix())), "invalid_software_statement"},
		"an assertion":   {vouch(t, key, "client-authentication+jwt", claims()), "invalid_software_statement"},
		"nobody we know": {vouch(t, key, "", claims("iss", "https://other.example")), "unapproved_software_statement"},
		"changed":        {good[:len(good)-4] + "AAAA", "invalid_software_statement"},
	} {
		status, _, got := send(t, s, "POST", at, "",
			document{"software_statement": tt.statement, "redirect_uris": []string{"https://real.example/cb"}})
		if status != http.StatusBadRequest || text(got, "error") != tt.code {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
}
