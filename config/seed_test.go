package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"signet/config"
)

func seedOf(text string, change ...func(s *config.Sources)) (config.Config, error) {
	s := config.Sources{File: "seed.yaml", Listen: "127.0.0.1:0", Environ: os.Environ()}
	s.ReadFile = func(string) ([]byte, error) { return []byte(text), nil }
	for _, f := range change {
		f(&s)
	}
	return config.LoadSeed(s)
}

func TestSeed(t *testing.T) {
	t.Setenv("SIGNET_STORAGE_DSN", "postgres://somebody@real.example/db")
	c, err := seedOf(`
users:
  - {email: ada@example.com, name: Ada, groups: [staff], claims: {locale: de}}
  - {email: grace@example.com, password: analytical engine}
clients: [{client_id: app}]
tokens: {access_lifetime: 1s, refresh_idle: 2s, refresh_lifetime: 3s, code_lifetime: 1s}
sessions: {idle: 1s, short: 1s}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Tokens.AccessLifetime != time.Second || len(c.Seed.Users) != 2 || len(c.Clients) != 1 || c.Storage.DSN.Reveal() != "sqlite::memory:" {
		t.Errorf("got %+v, %+v", c.Tokens, c.Seed.Users)
	}
	ada, grace := c.Seed.Users[0], c.Seed.Users[1]
	if ada.Password.Empty() || ada.Password == grace.Password || grace.Password.Reveal() != "analytical engine" {
		t.Error("a password that nobody chose is made, and is nobody else's")
	}
	plain, err := config.LoadSeed(config.Sources{Listen: "127.0.0.1:0"})
	if err != nil || len(plain.Seed.Users) != 2 || len(plain.Clients) != 1 {
		t.Errorf("without a file: %+v, %v", plain.Seed, err)
	}
}

func TestSeedStaysOnThisMachine(t *testing.T) {
	for text, want := range map[string]string{
		"server: {issuer: https://id.example.com}":                 "server.issuer",
		"server: {listen: 0.0.0.0:9400}":                           "server.listen",
		"server: {trusted_proxies: [10.0.0.0/8]}":                  "server.trusted_proxies",
		"server: {internal_listen: 127.0.0.1:9401}":                "server.internal_listen",
		"storage: {dsn: postgres://a@b/c}":                         "storage.dsn",
		"backup: {to: /tmp/x}":                                     "backup.to",
		"mail: {sender: smtp, from: a@b.example, smtp: {host: h}}": "mail.s",
		"users: [{email: a@example.com}, {email: A@example.com}]":  "twice",
		"users: [{name: nobody}]":                                  "needs an email",
		"users: [{email: a@example.com, pasword: x}]":              "did you mean password",
		"user: []":                         "is not a key",
		"tokens: {access_lifetime: 100ms}": "tokens.access_lifetime",
		"users: {":                         "seed.yaml",
	} {
		_, err := seedOf(text, func(s *config.Sources) { s.Listen = "" })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a word of %s", text, err, want)
		}
	}
	for _, listen := range []string{"0.0.0.0:0", ":9400", "[::]:0", "192.0.2.1:1", "app.localhost:1"} {
		if _, err := seedOf("", func(s *config.Sources) { s.Listen = listen }); err == nil || !strings.Contains(err.Error(), "server.listen") {
			t.Errorf("--listen %s: %v", listen, err)
		}
	}
	for issuer, fine := range map[string]bool{
		"https://id.example.com": false, "http://localhost.example.com": false, "https://10.0.0.1": false,
		"http://localhost:7000": true, "http://127.0.0.1:7000/tenant": true,
	} {
		if _, err := seedOf("", func(s *config.Sources) { s.Issuer = issuer }); (err == nil) != fine {
			t.Errorf("--issuer %s: %v", issuer, err)
		}
	}
}

// A short life is for tests: everywhere else it is a mistake.
func TestShortLivesAreForTests(t *testing.T) {
	s := config.Sources{ReadFile: func(string) ([]byte, error) { return []byte("tokens: {access_lifetime: 1s}\n"), nil }}
	if _, err := config.Load(s); err == nil || !strings.Contains(err.Error(), "tokens.access_lifetime") {
		t.Error(err)
	}
	s.ReadFile = func(string) ([]byte, error) { return []byte("users: [{email: a@example.com}]\n"), nil }
	if _, err := config.Load(s); err == nil || !strings.Contains(err.Error(), "users") {
		t.Error(err)
	}
}
