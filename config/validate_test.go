package config

import (
	"strings"
	"testing"
)

func TestIssuerRules(t *testing.T) {
	tests := map[string]struct{ issuer, want string }{
		"https":            {"https://id.example.com", ""},
		"https with path":  {"https://example.com/auth/signet", ""},
		"https with port":  {"https://id.example.com:8443", ""},
		"loopback name":    {"http://localhost:9400", ""},
		"loopback sub":     {"http://signet.localhost:9400", ""},
		"loopback four":    {"http://127.0.0.1:9400", ""},
		"loopback six":     {"http://[::1]:9400", ""},
		"plain http":       {"http://id.example.com", "must be https"},
		"private http":     {"http://192.168.1.5:9400", "must be https"},
		"trailing slash":   {"https://id.example.com/", "must not end in a slash; write https://id.example.com"},
		"query":            {"https://id.example.com?a=b", "query"},
		"empty query":      {"https://id.example.com?", "query"},
		"fragment":         {"https://id.example.com#", "fragment"},
		"user":             {"https://a:b@id.example.com", "user name"},
		"upper case":       {"https://ID.example.com", "lower case"},
		"default port":     {"https://id.example.com:443", "default port"},
		"no host":          {"https://", "is not an address"},
		"no scheme":        {"id.example.com", "is not an address"},
		"other scheme":     {"ftp://id.example.com", "is not an address"},
		"double slash":     {"https://id.example.com/a//b", "path"},
		"dots":             {"https://id.example.com/../b", "path"},
		"encoded path":     {"https://id.example.com/a%2Fb", "path"},
		"pretend loopback": {"http://localhost.example.com", "must be https"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			_, err := load(nil, Sources{Issuer: tt.issuer})
			if tt.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestValidateNamesKeyAndRemedy(t *testing.T) {
	tests := map[string]struct {
		yaml, want string
	}{
		"TLS, part":      {"server: {tls: {cert_file: a}, issuer: https://a.example}", "server.tls: needs both"},
		"TLS and http":   {"server: {tls: {cert_file: a, key_file: b}}", "server.issuer: must be https, because server.tls is set"},
		"api nowhere":    {"admin: {api: somewhere}", "admin.api: \"somewhere\""},
		"api, no inside": {"admin: {api: internal}\nserver: {internal_listen: ''}", "admin.api: is internal, which needs"},
		"same listeners": {"server: {internal_listen: 127.0.0.1:9400}", "server.internal_listen: is the same"},
		"mysql":          {"storage: {dsn: mysql://x}", "storage.dsn: must be sqlite:PATH or postgres://"},
		"bad migrate":    {"storage: {migrate: sometimes}", `storage.migrate: "sometimes" is none of auto, off`},
		"idle too long":  {"tokens: {refresh_idle: 5000h}", "tokens.refresh_idle: must not be longer"},
		"no code time":   {"tokens: {code_lifetime: 0s}", "tokens.code_lifetime: is 0s"},
		"audience":       {"tokens: {default_audience: shop}", "tokens.default_audience:"},
		"short password": {"passwords: {min_length: 6}", "passwords.min_length: must be between 8"},
		"weak bcrypt":    {"passwords: {bcrypt_cost: 4}", "passwords.bcrypt_cost: must be between 10 and 14"},
		"colour":         {"branding: {color: green}", "branding.color:"},
		"mode":           {"signup: {mode: anybody}", "signup.mode:"},
		"domain":         {"signup: {domains: ['@example.com']}", "signup.domains:"},
		"log":            {"log: {level: loud, format: xml}", "log.format:"},
		"no client id":   {"clients: [{client_name: x}]", "clients[0].client_id: is missing"},
		"two resources":  {"resources: [{identifier: 'https://a.example'}, {identifier: 'https://a.example/'}]", "declared twice"},
		"rp id":          {"server: {issuer: 'https://id.example.com'}\npasskeys: {rp_id: other.com}", "passkeys.rp_id: \"other.com\" must be"},
		"rp id suffix":   {"server: {issuer: 'https://id.example.co.uk'}\npasskeys: {rp_id: co.uk}", "passkeys.rp_id:"},
		"rp id tail":     {"server: {issuer: 'https://id.example.com'}\npasskeys: {rp_id: ple.com}", "passkeys.rp_id:"},
		"passkey origin": {"server: {issuer: 'https://id.example.com'}\npasskeys: {origins: ['https://a.example.com/x']}", "passkeys.origins:"},
		"passkey http":   {"server: {issuer: 'https://id.example.com'}\npasskeys: {origins: ['http://a.example.com']}", "passkeys.origins:"},
		"rotation":       {"keys: {rotation: 1h}", "keys.rotation:"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			_, err := load(file(tt.yaml), Sources{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWarningsNameWhatIsWorthASecondLook(t *testing.T) {
	yaml := "server: {listen: ':9400', internal_listen: '0.0.0.0:9401', trusted_proxies: [0.0.0.0/0]}\nclients: [{client_id: old, " +
		"grant_types: [password]}, {client_id: brief, client_secret: kS8x-2vQp-77aa-LmNo}]\n"
	c, err := load(file(yaml), Sources{Environ: []string{"SIGNET_STORAGE_DSN=postgres://h/d"}})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Warnings(), "\n")
	for _, want := range []string{"passwords.min_length", "server.issuer", "server.internal_listen", "server.trusted_proxies",
		"SIGNET_MASTER_KEY", "support.contact", "clients[old]", "clients[brief].client_secret"} {
		if !strings.Contains(all, want) {
			t.Errorf("missing %s in\n%s", want, all)
		}
	}
}
