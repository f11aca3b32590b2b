package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// wrong has a mistake of every kind that the tree itself shows; each line of want is one of them.
const wrong = `
sever: {listen: ":1"}
server:
  lisen: ":1"
  internal_listen: nonsense
  trusted_proxies: [10.0.0.0/8, nowhere, 300.1.1.1]
  shutdown_grace: soon
  tls: {cert_file: a.pem}
storage: {migrate: sometimes, pool_size: many}
tokens: {code_lifetime: 1h, access_lifetime: [5m]}
signup: open
mail: {sender: smpt, from: "<", smtp: {host: "smtp.example.com:25", port: 70000}}
branding: {color: green}
clients:
  - {client_id: a, client_secret: changeme, redirect_uri: x}
  - {client_id: a, first_party: perhaps}
  - {name: b}
  - 7
resources: [{identifier: api}, {identifier: "https://x.example", scopes: {a: b}}]
upstreams:
  - {id: Up, kind: gogle, client_id: x}
  - {id: o, kind: oidc, client_id: x, issuer: "http://x.example", claims: {name: "", sub: x, email: [y]}, client_secret_file: nowhere.txt}
  - {id: g, kind: google, client_id: x, client_secret_file: nowhere.txt}
`

// Every mistake in one round, each with its key and a remedy, and no mistake that only follows from another.
func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	files := func(name string) ([]byte, error) {
		if name == DefaultFile {
			return []byte(wrong), nil
		}
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	_, err := Load(Sources{ReadFile: files, Environ: []string{
		"SIGNET_SERVER_LISEN=:1", "SIGNET_LIMITS_IN_FLIGHT=2", "SIGNET_SESSIONS_IDLE=long", "SIGNET_MAIL_SMTP_PASSWORD_FILE=nowhere.txt",
		"SIGNET_EGRESS_ALLOW_HOSTS=10.0.0.1", "SIGNET_KEYS_ROTATION=1h",
	}, Issuer: "http://id.example.com/"})
	var got []string
	for _, one := range Mistakes(err) {
		got = append(got, one.Error())
	}
	want := []string{
		"sever: is not a key; did you mean server?", "server.lisen: is not a key; did you mean listen?", `server.internal_listen: "nonsense"`,
		`server.trusted_proxies[1]: "nowhere" is not a network`, `server.trusted_proxies[2]: "300.1.1.1"`,
		`server.shutdown_grace: "soon" is not a duration`,
		`storage.migrate: "sometimes" is none of`, `storage.pool_size: "many" is not a whole number`, "tokens.code_lifetime: is 1h",
		"tokens.access_lifetime: must be one value",
		"signup: must hold keys", `mail.sender: "smpt" is none of`, "mail.from: ", "mail.smtp.host: ", "mail.smtp.port: ", "branding.color: ",
		"clients[a].redirect_uri: is not a key; did you mean redirect_uris?", `clients[a].first_party: "perhaps"`,
		"clients[a]: is declared twice", "clients[a].client_secret: can be guessed",
		"clients[b].name: is not a key", "clients[2].client_id: is missing", "clients[3]: must hold keys", "resources[api].identifier: ",
		"resources[https://x.example].scopes: must be a list",
		`upstreams[Up].id: "Up"`, `upstreams[Up].kind: "gogle"`, "upstreams[o].name: is missing", "upstreams[o].issuer: ",
		"upstreams[o].claims.name: is empty", "upstreams[o].claims.sub: is none of our claims", "upstreams[o].claims.email: must be one text",
		"upstreams[o].client_secret_file: ", "upstreams[g].client_secret_file: ", "SIGNET_SERVER_LISEN: no key",
		"limits.in_flight: must be between",
		`sessions.idle: "long"`, "mail.smtp.password: ", "egress.allow_hosts: ", "keys.rotation: ",
		"server.issuer: must be https, because its host", "server.issuer: must be https, because server.tls",
		"server.issuer: must not end in a slash",
		"server.tls: needs both",
	}
	for _, text := range want {
		if n := count(got, text); n == 0 {
			t.Errorf("not told: %s", text)
		} else if n > 1 {
			t.Errorf("told %d times: %s", n, text)
		}
	}
	for _, text := range got {
		if !contains(want, text) {
			t.Errorf("told beside: %s", text)
		}
		if !strings.Contains(text, ": ") {
			t.Errorf("without its key: %s", text)
		}
	}
}

func count(all []string, prefix string) (n int) {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func contains(prefixes []string, s string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// Of a file that is not YAML nothing else is judged: what it says may be what is missing. The environment is.
func TestAFileThatCannotBeReadIsNotJudged(t *testing.T) {
	for _, text := range []string{"server: [", "\x00", "a: b: c"} {
		_, err := load(file(text), Sources{Environ: []string{"SIGNET_SESSIONS_IDLE=long", "SIGNET_SERVER_TLS_CERT_FILE=a.pem"}})
		all := Mistakes(err)
		if len(all) != 2 || !strings.HasPrefix(all[0].Error(), "config.yaml: line 1: ") || !strings.HasPrefix(all[1].Error(), "sessions.idle: ") {
			t.Errorf("%q: %v", text, err)
		}
		if _, unread := errors.AsType[*FileError](err); !unread {
			t.Errorf("%q: %v is not known as such", text, err)
		}
	}
}
