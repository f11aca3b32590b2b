package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/config"
)

func TestUpstreamsAreCheckedBeforeTheyServe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, body string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fine := config.Upstream{ID: "g", Kind: config.UpstreamGoogle, ClientID: "c", ClientSecret: config.NewSecret("s")}
	for name, tt := range map[string]struct {
		change func(u *config.Upstream)
		want   string
	}{
		"fine":               {func(*config.Upstream) {}, ""},
		"svg":                {func(u *config.Upstream) { u.Logo = write("a.svg", "<svg/>") }, ""},
		"no file":            {func(u *config.Upstream) { u.Logo = filepath.Join(dir, "nowhere.svg") }, "upstreams[g].logo"},
		"no picture":         {func(u *config.Upstream) { u.Logo = write("a.txt", "x") }, "upstreams[g].logo"},
		"a png that is none": {func(u *config.Upstream) { u.Logo = write("a.png", "<script>") }, "upstreams[g].logo"},
		"too large":          {func(u *config.Upstream) { u.Logo = write("b.svg", strings.Repeat("x", maxUpstreamLogo+1)) }, "upstreams[g].logo"},
		"bad key": {func(u *config.Upstream) {
			u.Kind, u.TeamID, u.KeyID, u.PrivateKey = config.UpstreamApple, "t", "k", config.NewSecret("no key")
		}, "upstreams[g]:"},
	} {
		c := config.Default()
		u := fine
		tt.change(&u)
		c.Upstreams = []config.Upstream{u}
		err := Check(c)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "no key") {
			t.Errorf("%s: shows the secret", name)
		}
	}
}
