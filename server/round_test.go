package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/config"
	"signet/server"
)

// What the tree names is looked at in the same round, every file of it, also while the tree has mistakes of its own.
func TestEveryFileAndRegistrationIsLookedAtInOneRound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("lang/fr.json", "{")
	write("lang/of-nobody-at-all.json", "{}")
	yaml := fmt.Sprintf(`
server: {issuer: "https://%%zz", tls: {cert_file: %[1]s/no.pem, key_file: %[1]s/none.pem}}
tokens: {code_lifetime: soon}
passwords: {breach_file: %[1]s/no.txt}
branding: {logo: %[2]s, languages: %[1]s/lang}
clients:
  - {client_id: shop, token_endpoint_auth_method: attest_jwt_client_auth, redirect_uris: [http://shop.example/cb]}
  - {client_id: "a b", redirect_uris: [https://a.example/cb], client_secret_file: %[1]s/no.txt}
  - {redirect_uris: [https://b.example/cb], client_secret: 0123456789012345}
resources: [{identifier: "https://api.example.com", scopes: [openid]}, {identifier: api, name: "%[3]s"}]
upstreams:
  - {id: g, kind: google, client_id: x, client_secret: 0123456789, logo: %[1]s/no.png}
  - {id: m, kind: microsoft, client_id: x, client_secret: 0123456789, logo: %[2]s}
`, dir, write("logo.txt", "x"), strings.Repeat("x", 90))
	c, err := config.Load(config.Sources{ReadFile: func(name string) ([]byte, error) {
		if name == config.DefaultFile {
			return []byte(yaml), nil
		}
		return os.ReadFile(name)
	}})
	all := config.Mistakes(err)
	all = append(all, config.Mistakes(config.Beside(err, server.Check(c)))...)
	want := []string{
		"server.issuer: ", "tokens.code_lifetime: ", "server.tls.cert_file: ", "server.tls.key_file: ", "passwords.breach_file: ",
		"branding.logo: must be",
		"branding.languages: fr.json: ", "branding.languages: of-nobody-at-all.json: ", "clients[shop].token_endpoint_auth_method: ",
		"clients[shop].redirect_uris: ", "clients[a b].client_id: ", "clients[a b].client_secret_file: ", "clients[2].client_id: is missing",
		"resources[https://api.example.com].scopes: ", "resources[api].identifier: ", "resources[api].name: ", "upstreams[g].logo: ",
		"upstreams[m].logo: must be",
	}
	for _, text := range want {
		n := 0
		for _, one := range all {
			if strings.HasPrefix(one.Error(), text) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("told %d times: %s", n, text)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(all), len(want), all)
	}
}
