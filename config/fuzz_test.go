package config

import (
	"strings"
	"testing"
)

// FuzzConfig: whatever a file holds, Load answers with a tree or with complaints, and shows no secret either way.
func FuzzConfig(f *testing.F) {
	f.Add("server: {listen: 127.0.0.1:1}\n", "SIGNET_LOG_LEVEL=debug")
	f.Add("clients:\n  - {client_id: a, client_secret: fuzzed-secret-of-length, jwks: {keys: []}}\n", "SIGNET_X=1")
	f.Add("a: &a [*a]\nserver: *a\n", "SIGNET_SERVER_TRUSTED_PROXIES=,,")
	f.Add("? [a]\n: b\n", "=")
	f.Add("tokens: {access_lifetime: 9999999999999h}\n---\n", "SIGNET_CLIENTS=[]")
	f.Fuzz(func(t *testing.T, yaml, env string) {
		c, err := load(file(yaml), Sources{Environ: []string{env, "SIGNET_MASTER_KEY=fuzzed-master-key"}})
		if err == nil && c.Validate() != nil {
			t.Error("Load let an invalid tree pass")
		}
		if err == nil {
			_ = c.IssuerURL()
			_ = c.Warnings()
		}
		for _, s := range c.Settings() {
			if strings.Contains(s.Text(), "fuzzed-master-key") && !strings.Contains(yaml+env, "fuzzed-master-key") {
				t.Errorf("%s shows the master key", s.Key)
			}
		}
	})
}
