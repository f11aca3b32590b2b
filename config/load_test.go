package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// load runs Load on files kept in memory.
func load(files map[string]string, s Sources) (Config, error) {
	s.ReadFile = func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
	return Load(s)
}

func file(text string) map[string]string { return map[string]string{DefaultFile: text} }

func TestNothingSetIsALocalTrial(t *testing.T) {
	c, err := load(nil, Sources{Environ: []string{"HOME=/root", "SIGNET_TEST_POSTGRES=x", "SIGNET_BINARY=/bin/signet", "SIGNET_TOKEN=x"}})
	if err != nil {
		t.Fatal(err)
	}
	if !c.LocalTrial() || c.Server.Issuer != "http://localhost:9400" || c.Storage.DSN.Reveal() != "sqlite:./data/signet.db" {
		t.Errorf("got issuer %q, dsn %q, trial %v", c.Server.Issuer, c.Storage.DSN, c.LocalTrial())
	}
}

func TestLaterSourcesWin(t *testing.T) {
	yaml := "server: {listen: 127.0.0.1:1001, issuer: http://localhost:7}\ntokens: {access_lifetime: 5m, code_lifetime: 30s}\n"
	tests := map[string]struct {
		sources      Sources
		listen, from string
		access       time.Duration
	}{
		"file": {Sources{}, "127.0.0.1:1001", "file config.yaml line 1", 5 * time.Minute},
		"environment": {Sources{Environ: []string{"SIGNET_SERVER_LISTEN=127.0.0.1:1002", "SIGNET_TOKENS_ACCESS_LIFETIME=7m"}}, "127.0.0.1:1002",
			"environment SIGNET_SERVER_LISTEN", 7 * time.Minute},
		"flag": {Sources{Listen: "127.0.0.1:1003", Environ: []string{"SIGNET_SERVER_LISTEN=127.0.0.1:1002"}}, "127.0.0.1:1003", "flag --listen",
			5 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := load(file(yaml), tt.sources)
			if err != nil {
				t.Fatal(err)
			}
			if c.Server.Listen != tt.listen || c.Tokens.AccessLifetime != tt.access {
				t.Errorf("got listen %s, access %s", c.Server.Listen, c.Tokens.AccessLifetime)
			}
			if got := c.Origin("server.listen"); got != tt.from {
				t.Errorf("origin: got %q, want %q", got, tt.from)
			}
			if c.LocalTrial() || c.Tokens.CodeLifetime != 30*time.Second {
				t.Error("the file's other values are gone")
			}
		})
	}
}

func TestIssuerOfALocalTrialFollowsThePort(t *testing.T) {
	c, err := load(nil, Sources{Listen: "127.0.0.1:8080"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Issuer != "http://localhost:8080" || !c.LocalTrial() {
		t.Errorf("got %s", c.Server.Issuer)
	}
	if c, _ = load(nil,
		Sources{Listen: "127.0.0.1:0", Issuer: "http://localhost:5"}); c.WithListener("127.0.0.1:99").Server.Issuer != "http://localhost:5" {
		t.Error("a chosen issuer was changed")
	}
}

func TestDataMovesTheDefaultDatabaseOnly(t *testing.T) {
	c, err := load(nil, Sources{Data: "/var/lib/signet"})
	if err != nil || c.Storage.DSN.Reveal() != "sqlite:/var/lib/signet/signet.db" {
		t.Errorf("got %s, %v", c.Storage.DSN, err)
	}
	_, err = load(nil, Sources{Data: "/x", Environ: []string{"SIGNET_STORAGE_DSN=postgres://u:p@h/d"}})
	if err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v, want a complaint about --data", err)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	files := map[string]string{
		DefaultFile:     "clients:\n  - {client_id: shop, client_secret_file: /run/shop}\n",
		"/run/dsn":      "postgres://u:hush@h/d\n",
		"/run/master":   " key-text \n",
		"/run/shop":     "a-long-text-of-many-symbols\n",
		"/run/nothing":  "\n",
		"/run/anything": "x",
	}
	c, err := load(files, Sources{Environ: []string{"SIGNET_STORAGE_DSN_FILE=/run/dsn", "SIGNET_MASTER_KEY_FILE=/run/master"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Storage.DSN.Reveal() != "postgres://u:hush@h/d" || c.MasterKey.Reveal() != "key-text" ||
		c.Clients[0].ClientSecret.Reveal() != "a-long-text-of-many-symbols" {
		t.Errorf("got %q %q", c.Storage.DSN.Reveal(), c.MasterKey.Reveal())
	}
	for env, want := range map[string]string{
		"SIGNET_MASTER_KEY_FILE=/run/nothing": "is empty",
		"SIGNET_MASTER_KEY_FILE=/run/missing": "read secret",
	} {
		if _, err := load(files, Sources{Environ: []string{env}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", env, err, want)
		}
	}
	both := []string{"SIGNET_MASTER_KEY_FILE=/run/anything", "SIGNET_MASTER_KEY=y"}
	if _, err := load(files, Sources{Environ: both}); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Errorf("got %v", err)
	}
}

func TestEveryMistakeIsReportedAtOnceWithItsKey(t *testing.T) {
	yaml := `
server:
  lisen: 127.0.0.1:1
  issuer: http://id.example.com/
  issuer: https://id.example.com
  trusted_proxies: [10.0.0.0/8, nonsense]
tokens: {access_lifetime: 10 minutes, code_lifetime: 1h}
passwords: 12
nonsense: 1
clients:
  - {client_id: shop, client_secret: changeme, redirect_uri: https://shop.example/cb}
  - {client_id: shop, first_party: maybe}
resources: [{identifier: api}]
`
	_, err := load(file(yaml),
		Sources{Environ: []string{"SIGNET_TOKENS_ACESS_LIFETIME=1m", "SIGNET_PASSWORDS_MIN_LENGTH=two"}, Listen: "nowhere"})
	if err == nil {
		t.Fatal("no complaint")
	}
	for _, want := range []string{
		"server.lisen: is not a key; did you mean listen? (config.yaml line 3)",
		"server.issuer: is there twice",
		"server.issuer: must be https, because",
		"server.issuer: must not end in a slash",
		`server.trusted_proxies[1]: "nonsense" is not a network`,
		`tokens.access_lifetime: "10 minutes" is not a duration; write it like 90s, 10m or 720h`,
		"tokens.code_lifetime: is 1h0m0s",
		"passwords: must hold keys and values",
		"nonsense: is not a key",
		"clients[shop].redirect_uri: is not a key; did you mean redirect_uris?",
		"clients[shop].client_secret: can be guessed",
		`clients[shop].first_party: "maybe" is neither true nor false`,
		"clients[shop]: is declared twice",
		"resources[api].identifier:",
		"SIGNET_TOKENS_ACESS_LIFETIME: no key has this environment variable; did you mean SIGNET_TOKENS_ACCESS_LIFETIME?",
		`passwords.min_length: "two" is not a whole number (environment SIGNET_PASSWORDS_MIN_LENGTH)`,
		"server.listen: \"nowhere\" is not HOST:PORT",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	if strings.Contains(err.Error(), "changeme") {
		t.Error("a secret is shown")
	}
}

// TestKubernetesServiceVariablesAreNoMistake: those of every service whose name begins with signet, in every pod of the namespace.
func TestKubernetesServiceVariablesAreNoMistake(t *testing.T) {
	env := []string{"SIGNET_SERVICE_HOST=10.0.0.1", "SIGNET_SERVICE_PORT=9400", "SIGNET_PORT=tcp://10.0.0.1:9400",
		"SIGNET_PORT_9400_TCP_ADDR=10.0.0.1", "SIGNET_SERVICE_PORT_HTTP=9400"}
	for _, service := range []string{"POSTGRES", "POSTGRES_RW", "STORAGE", "MAIL_SMTP", "SERVER"} {
		for _, rest := range []string{
			"SERVICE_HOST=10.0.0.2", "SERVICE_PORT=5432", "SERVICE_PORT_POSTGRES=5432", "SERVICE_PORT_TCP_METRICS=9187", "PORT=tcp://10.0.0.2:5432",
			"PORT_5432_TCP=tcp://10.0.0.2:5432", "PORT_5432_TCP_PROTO=tcp", "PORT_5432_TCP_PORT=5432", "PORT_5432_TCP_ADDR=10.0.0.2",
			"PORT_53_UDP=udp://[fd00::2]:53",
		} {
			env = append(env, "SIGNET_"+service+"_"+rest)
		}
	}
	c, err := load(nil, Sources{Environ: env})
	if err != nil {
		t.Error(err)
	}
	if c.Mail.SMTP.Port != Default().Mail.SMTP.Port {
		t.Errorf("mail.smtp.port: %d", c.Mail.SMTP.Port)
	}
	if c, err = load(nil, Sources{Environ: []string{"SIGNET_MAIL_SMTP_PORT=2525"}}); err != nil || c.Mail.SMTP.Port != 2525 {
		t.Errorf("a key of ours is taken for the cluster's: %d, %v", c.Mail.SMTP.Port, err)
	}
	for _, typo := range []string{"SIGNET_SMTP_PORT=2525", "SIGNET_SERVER_LISTN=:1", "SIGNET_POSTGRES_HOST=x"} {
		if _, err := load(nil, Sources{Environ: []string{typo}}); err == nil {
			t.Errorf("%s passes", typo)
		}
	}
}

func TestListsFromTheEnvironment(t *testing.T) {
	c, err := load(nil,
		Sources{Environ: []string{"SIGNET_SERVER_TRUSTED_PROXIES=10.1.2.3/8, ::1", "SIGNET_SIGNUP_DOMAINS=example.com,example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if !slices.Equal(c.Server.TrustedProxies, want) || !slices.Equal(c.Signup.Domains, []string{"example.com", "example.org"}) {
		t.Errorf("got %v %v", c.Server.TrustedProxies, c.Signup.Domains)
	}
}

func TestFileThatIsNamedMustExist(t *testing.T) {
	if _, err := load(nil, Sources{File: "other.yaml"}); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("got %v", err)
	}
}

func TestUnusualFiles(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"empty":          {"", ""},
		"comments only":  {"# nothing\n", ""},
		"empty sections": {"server:\n  tls:\ntokens:\n", ""},
		"no mapping":     {"- a\n", "the file: must hold keys"},
		"two documents":  {"server: {}\n---\ntokens: {}\n", "one YAML document"},
		"not yaml":       {"server: {", "config.yaml:"},
		"merge key":      {"server: {<<: {listen: ':1'}}\n", "is not a key"},
		"list for value": {"server: {listen: [a]}\n", "must be one value"},
		"value for list": {"signup: {domains: example.com}\n", "must be a list"},
		"empty item":     {"clients:\n  -\n", "clients[0]: is empty"},
		"alias":          {"server: {listen: &a 127.0.0.1:4000, internal_listen: *a}\n", "is the same as server.listen"},
		"jwks is text":   {"clients: [{client_id: a, jwks: text}]\n", "clients[a].jwks: must be an object"},
		"self alias":     {"clients: &a [*a]\n", "config.yaml"},
		"null value":     {"server: {listen: }\n", ""},
		"odd key":        {"{[a]: b}\n", "not a plain text"},
		"no space":       {"mail: {smtp: {host: a, password:hunter2}}\n", "mail.smtp.password: wants a space after the colon"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			_, err := load(file(tt.yaml), Sources{})
			if tt.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestClientOfTheIssue(t *testing.T) {
	yaml := `
clients:
  - {client_id: shop, client_secret: kS8x-2vQp-77aa-LmNo, client_name: Shop, redirect_uris: [https://shop.example/cb],
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: client_secret_basic,
     scope: "openid profile email offline_access api:read", access_token_lifetime: 5m, default_max_age: 0, jwks: {keys: [{kty: EC,
     crv: P-256}]}}
resources:
  - {identifier: https://api.example.com, name: Shop API, scopes: [api:read, api:write], introspected_by: [shop-api]}
`
	c, err := load(file(yaml), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	cl := c.Clients[0]
	if cl.ClientName != "Shop" || time.Duration(cl.AccessTokenLifetime) != 5*time.Minute || cl.DefaultMaxAge == nil || *cl.DefaultMaxAge != 0 {
		t.Errorf("got %+v", cl)
	}
	keys, ok := cl.JWKS.(map[string]any)
	if !ok || !slices.Contains(slices.Collect(maps.Keys(keys)), "keys") {
		t.Errorf("jwks: got %v", cl.JWKS)
	}
	if r := c.Resources[0]; r.Identifier != "https://api.example.com" || len(r.Scopes) != 2 || r.IntrospectedBy[0] != "shop-api" {
		t.Errorf("got %+v", r)
	}
}

func TestI01_ScopesHaveWords(t *testing.T) {
	yaml := `
resources:
  - identifier: https://api.example.com
    scopes:
      - api:read
      - {name: api:write, title: Change orders, description: {en: Yours only, de-AT: Nur Ihre}, sensitive: true}
`
	c, err := load(file(yaml), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	want := []ResourceScope{{Name: "api:read"},
		{Name: "api:write", Title: Text{"": "Change orders"}, Description: Text{"en": "Yours only", "de-AT": "Nur Ihre"}, Sensitive: true}}
	if got := c.Resources[0].Scopes; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	const shown = `[{"identifier":"https://api.example.com","scopes":["api:read",{"description":{"de-AT":"Nur Ihre","en":"Yours only"},"name":"api:write","sensitive":true,"title":"Change orders"}]}]`
	for _, s := range c.Settings() {
		if s.Key == "resources" && s.Text() != shown {
			t.Errorf("shown as %s", s.Text())
		}
	}
	for text, want := range map[string]string{
		"{name: a, titel: x}":              "resources[https://a.example].scopes[a].titel: is not a key; did you mean title?",
		"{name: a, required: perhaps}":     "neither true nor false",
		"{name: a, title: [x]}":            "must hold names and texts",
		"{name: a, title: {en: x, en: y}}": "is there twice",
		"[a]":                              "must hold keys and values",
	} {
		_, err := load(file("resources: [{identifier: https://a.example, scopes: ["+text+"]}]"), Sources{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// TestTheMasterKeyByCommand: a program may print the master key; the mistakes say what it said.
func TestTheMasterKeyByCommand(t *testing.T) {
	run := func(line string) (string, error) {
		if line == "vault seal" {
			return "", errors.New("it said: sealed")
		}
		return "key of " + line, nil
	}
	c, err := load(nil, Sources{Environ: []string{"SIGNET_MASTER_KEY_COMMAND=vault get"}, Run: run})
	if err != nil || c.MasterKey.Reveal() != "key of vault get" {
		t.Errorf("%v, %v", c.MasterKey.Reveal(), err)
	}
	for want, env := range map[string][]string{
		"both set":                 {"SIGNET_MASTER_KEY=another", "SIGNET_MASTER_KEY_COMMAND=vault get"},
		"it said: sealed":          {"SIGNET_MASTER_KEY_COMMAND=vault seal"},
		"is not read by a shell":   {"SIGNET_MASTER_KEY_COMMAND=vault get $X"},
		"the master key: is empty": {"SIGNET_MASTER_KEY_COMMAND= "},
	} {
		if _, err := load(nil, Sources{Environ: env, Run: run}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestThePasswordCommand: it is for a Postgres whose address has no password, and one line without what only a shell reads.
func TestThePasswordCommand(t *testing.T) {
	for text, want := range map[string]string{
		"{dsn: postgres://u@h/d, password_command: vault get x}":              "",
		"{dsn: postgres://u:p@h/d, password_command: vault get x}":            "storage.dsn holds one too",
		"{dsn: 'postgres://u@h/d?password=p', password_command: vault get x}": "storage.dsn holds one too",
		"{dsn: postgres://u@h/d, password_command: vault get x | tail -1}":    "is not read by a shell",
	} {
		_, err := load(map[string]string{"c.yaml": "storage: " + text}, Sources{File: "c.yaml"})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestASecretThatYAMLTakesForItsOwnIsRefused: it would be empty, or something else than what was written, and nothing of it is shown.
func TestASecretThatYAMLTakesForItsOwnIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"!hunter2": "in single quotes", "&hunter2": "in single quotes", "*hunter2": "in single quotes", "“hunter2”": "straight ones",
		"„hunter2“": "straight ones", "[hunter2]": "must be one value", "{hunter2: x}": "must be one value",
	} {
		_, err := load(file("mail:\n  smtp:\n    password: "+text+"\n"), Sources{})
		got := fmt.Sprint(err)
		if !strings.Contains(got, want) || !strings.Contains(got, "line 3") || strings.Contains(got, "hunter") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	_, err := load(file("server:\n\u00a0 issuer: https://id.example.com\n"), Sources{})
	if err == nil || !strings.Contains(err.Error(), `"\u00a0 issuer": has a character that is no ASCII`) {
		t.Errorf("a space that does not break: %v", err)
	}
}
