package config

import (
	"slices"
	"strings"
	"testing"
)

func TestUpstreamsAreChecked(t *testing.T) {
	const google = "upstreams:\n  - {id: google, kind: google, client_id: a, client_secret: of-google, %}\n"
	for name, tt := range map[string]struct{ yaml, want string }{
		"fine":        {strings.Replace(google, "%", "domains: [example.com], claims: {nickname: short}", 1), ""},
		"id":          {"upstreams: [{id: G_, kind: google, client_id: a, client_secret: b}]", "upstreams[G_].id"},
		"reserved id": {"upstreams: [{id: signed-out, kind: google, client_id: a, client_secret: b}]", "upstreams[signed-out].id"},
		"twice": {
			"upstreams: [{id: a, kind: google, client_id: a, client_secret: b}, {id: a, kind: google, client_id: a, client_secret: b}]",
			"upstreams[a]: is there twice"},
		"kind":          {"upstreams: [{id: a, kind: gogle, client_id: a, client_secret: b}]", "upstreams[a].kind"},
		"no secret":     {"upstreams: [{id: a, kind: facebook, client_id: a}]", "upstreams[a].client_secret"},
		"sample secret": {"upstreams: [{id: a, kind: facebook, client_id: a, client_secret: change-me}]", "upstreams[a].client_secret"},
		"public client": {"upstreams: [{id: a, kind: oidc, name: A, issuer: https://a.example, client_id: a}]", ""},
		"no issuer":     {"upstreams: [{id: a, kind: oidc, name: A, client_id: a}]", "upstreams[a].issuer"},
		"plain http":    {"upstreams: [{id: a, kind: oidc, name: A, issuer: http://a.example, client_id: a}]", "upstreams[a].issuer"},
		"http here": {
			"egress: {allow_hosts: [127.0.0.1]}\nupstreams: [{id: a, kind: oidc, name: A, issuer: http://127.0.0.1:1, client_id: a}]", ""},
		"apple":         {"upstreams: [{id: a, kind: apple, client_id: a, team_id: t}]", "needs team_id, key_id"},
		"graph version": {strings.Replace(google, "%", "graph_version: 25", 1), "upstreams[google].graph_version"},
		"domain":        {strings.Replace(google, "%", "domains: [Example.com]", 1), "upstreams[google].domains"},
		"facebook domain": {"upstreams: [{id: a, kind: facebook, client_id: a, client_secret: b, domains: [example.com]}]",
			"upstreams[a].domains"},
		"any domain": {strings.Replace(google, "%", `authoritative_for: ["*"]`, 1), ""},
		"route of two": {
			"upstreams: [{id: a, kind: google, client_id: a, client_secret: b, routes: [x.example]}, {id: c, kind: google, client_id: a, " +
				"client_secret: b, routes: [x.example]}]", "signs in at a already"},
		"claim":           {strings.Replace(google, "%", "claims: {sub: id}", 1), `claims.sub: is none of our claims`},
		"claims no texts": {strings.Replace(google, "%", "claims: [a]", 1), "must hold names and texts"},
		"claim twice":     {strings.Replace(google, "%", "claims: {name: a, name: b}", 1), "there twice"},
		"groups":          {strings.Replace(google, "%", "groups: {a: b}", 1), "upstreams[google].groups_claim"},
		"offline":         {strings.Replace(google, "%", "offline: true", 1), "upstreams[google].offline"},
		"unknown key":     {strings.Replace(google, "%", "client_secrt: x", 1), "did you mean client_secret?"},
		"of a client":     {"clients: [{client_id: a, upstreams: [b]}]", `"b" is none of upstreams`},
	} {
		c, err := load(file(tt.yaml), Sources{})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		for _, s := range c.Settings() {
			if strings.Contains(s.Text(), "of-google") {
				t.Errorf("%s: %s shows a secret", name, s.Key)
			}
		}
	}
}

func TestUpstreamSecretsComeFromFiles(t *testing.T) {
	files := file("upstreams: [{id: a, kind: apple, client_id: a, team_id: t, key_id: k, private_key_file: /key}, {id: b, kind: google, " +
		"client_id: a, client_secret_file: /secret}]")
	files["/key"], files["/secret"] = "the key", " the secret\n"
	c, err := load(files, Sources{})
	if err != nil || c.Upstreams[0].PrivateKey.Reveal() != "the key" || c.Upstreams[1].ClientSecret.Reveal() != "the secret" {
		t.Fatalf("%+v, %v", c.Upstreams, err)
	}
}

// TestStoredUpstreamsGiveWayToDeclaredOnes: in ids and in domains; and what they change is nothing that was written.
func TestStoredUpstreamsGiveWayToDeclaredOnes(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Upstreams = []Upstream{{ID: "a", Kind: UpstreamGoogle, ClientID: "c", ClientSecret: NewSecret("s"), Routes: []string{"a.example"}}}
	one := Upstream{ID: "b", Kind: UpstreamOIDC, Name: "B", Issuer: "https://b.example", ClientID: "c", Routes: []string{"b.example"}}
	if err := c.CheckUpstream(one); err != nil {
		t.Errorf("it is fine: %v", err)
	}
	bad := one
	bad.ID, bad.Issuer, bad.Routes = "A b", "http://b.example", []string{"a.example"}
	if err := c.CheckUpstream(bad); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want three mistakes", err)
	}
	one.Routes = []string{"a.example", "b.example"}
	with := c.WithUpstream(one).WithUpstream(Upstream{ID: "a", Kind: UpstreamGitHub})
	if len(with.Upstreams) != 2 || with.Upstreams[0].Kind != UpstreamGoogle || !with.Upstreams[1].Stored ||
		!slices.Equal(with.Upstreams[1].Routes, []string{"b.example"}) {
		t.Errorf("got %+v", with.Upstreams)
	}
	if got := with.Written().Upstreams; len(got) != 1 || len(c.Upstreams) != 1 || len(c.Changed(with.Written())) > 0 {
		t.Errorf("written: %+v", got)
	}
	if got := with.UpstreamOf(TrustedIssuer{Issuer: "https://b.example"}); got != "" {
		t.Errorf("an issuer that the operator trusts speaks of people of %q, which an administrator keeps", got)
	}
}
