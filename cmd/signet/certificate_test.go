package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/oauth/mtls/mtlstest"
)

// TestB09_ASnippetFitsItsApp: what --for prints can be run with the app it is printed for, or the command says what is missing.
func TestB09_ASnippetFitsItsApp(t *testing.T) {
	e := examine(t, "", "server: {internal_listen: ''}\n")
	if code, text := e.run("migrate", "up"); code != exitOK {
		t.Fatal(text)
	}
	for _, test := range []struct {
		args  string
		warns bool
	}{
		{"--id tv --device --public --for curl-device", false},
		{"--id tv2 --name TV --for curl-device", true},
		{"--id tv3 --device --for go", true},
		{"--id tv4 --device --for kube-apiserver", false},
		{"--id shop --redirect-uri https://shop.example/cb --for go", false},
		{"--id shop2 --redirect-uri https://shop.example/cb --for curl", true},
		{"--id worker --grant-type client_credentials --for curl", false},
	} {
		code, text := e.run(append([]string{"client", "create"}, strings.Fields(test.args)...)...)
		if code != exitOK || strings.Contains(text, "does not have") != test.warns {
			t.Errorf("%s: %d %s", test.args, code, text)
		}
	}
}

// TestB09_ASnippetKnowsWhatItsAppHas: types of authorization details with what has to be in them, a certificate, and where it is asked for;
// and what its app does not have is said.
func TestB09_ASnippetKnowsWhatItsAppHas(t *testing.T) {
	e := examine(t, "", `
server:
  internal_listen: ''
  trusted_proxies: [10.0.0.0/8]
  mtls: {url: "https://mtls.example.com", header: Client-Cert, header_form: rfc9440}
resources: [{identifier: "https://bank.example.com", authorization_details: [
  {type: payment, title: Pay, fields: [{name: to, title: To, kind: text, required: true}]}]}]
`)
	if code, text := e.run("migrate", "up"); code != exitOK {
		t.Fatal(text)
	}
	for _, step := range []struct{ args, says string }{
		{"--id a --tls-subject-dn CN=a --redirect-uri https://a.example/cb --details-type payment --for curl-par",
			`'authorization_details=[{"to":"example","type":"payment"}]'`},
		{"--id b --tls-subject-dn CN=b --redirect-uri https://b.example/cb --for curl-par", "https://mtls.example.com/oauth2/par"},
		{"--id c --tls-subject-dn CN=c --grant-type client_credentials --for curl-mtls", "--cert 'c.pem' --key 'c-key.pem'"},
		{"--id d --grant-type client_credentials --for curl-mtls", "this app has none (--certificate"},
		{"--id e --tls-subject-dn CN=e --redirect-uri https://e.example/cb --for go", "shows no certificate"},
		{"--id f --redirect-uri https://f.example/cb --for curl-fapi", "(--profile fapi2)"},
		{"--id g --redirect-uri https://g.example/cb --for curl-rar", "(--details-type)"},
		{"--id h --redirect-uri https://h.example/cb --public --for curl-introspect", "(not --public)"},
		{"--id i --redirect-uri https://i.example/cb --grant-type client_credentials --for curl-refresh", "does not have"},
		{"--id j --redirect-uri https://j.example/cb --for curl-id-jag", "(--exchange-id-jag)"},
		{"--id k --redirect-uri https://k.example/cb --exchange-id-jag audience=https://auth.chat.example,client_id=k --for curl-id-jag",
			"'audience=https://auth.chat.example'"},
	} {
		code, text := e.run(append([]string{"client", "create"}, strings.Fields(step.args)...)...)
		if code != exitOK || !strings.Contains(text, step.says) {
			t.Errorf("%s: %d %s", step.args, code, text)
		}
	}
}

func TestClientsAreRegisteredByTheirCertificate(t *testing.T) { // RFC 8705 section 2
	own := filepath.Join(t.TempDir(), "own.pem")
	if err := os.WriteFile(own, mtlstest.SelfSigned(t, "own").PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	e := examine(t, "", "server: {internal_listen: ''}\n")
	if code, text := e.run("migrate", "up"); code != exitOK {
		t.Fatal(text)
	}
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"client", "create", "--id", "a", "--grant-type", "client_credentials", "--tls-subject-dn", "CN=a, O=Example",
			"--certificate-bound"},
			exitOK, "server.mtls.url"},
		{[]string{"client", "show", "a"}, exitOK, "tls_client_auth_subject_dn CN=a, O=Example"},
		{[]string{"client", "update", "a", "--tls-san-dns", "a.example.com"}, exitOK, "tls_client_auth_san_dns a.example.com"},
		{[]string{"client", "update", "a", "--certificate", own}, exitOK, "self_signed_tls_client_auth"},
		{[]string{"client", "update", "a", "--tls-san-ip", "here"}, exitFailed, "IP address"},
		{[]string{"client", "update", "a", "--tls-san-ip", "192.0.2.1"}, exitOK, "tls_client_auth_san_ip 192.0.2.1"},
		{[]string{"client", "update", "a", "--auth-method", "client_secret_basic", "--certificate-bound=false"}, exitOK, "client secret"},
		{[]string{"client", "update", "a", "--certificate", filepath.Join(t.TempDir(), "none.pem")}, exitFailed, "--certificate"},
		{[]string{"client", "update", "a", "--tls-subject-dn", "a"}, exitFailed, "RFC 4514"},
	} {
		if code, text := e.run(step.args...); code != step.code || !strings.Contains(text, step.says) {
			t.Errorf("%v: %d %s", step.args, code, text)
		}
	}
}
