package provider_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

var githubAda = federationtest.Account{
	Subject: "583231", Login: "ada", Name: "Ada", Email: "ada@example.com", EmailVerified: true, Picture: "https://cdn.example/a.png",
	Groups: []string{"engines"},
}

func githubOf(t *testing.T, change func(*provider.Settings),
	accounts ...federationtest.Account) (*federationtest.GitHub, provider.Provider) {
	t.Helper()
	if len(accounts) == 0 {
		accounts = []federationtest.Account{githubAda}
	}
	g := federationtest.NewGitHub(t, accounts...)
	g.Register(plainCallback)
	s := provider.Settings{ID: "gh", Kind: provider.KindGitHub, Issuer: g.URL, ClientID: g.ClientID, ClientSecret: g.ClientSecret}
	if change != nil {
		change(&s)
	}
	p, err := provider.New(s, plainClient(t))
	if err != nil {
		t.Fatal(err)
	}
	return g, p
}

func TestGitHubSignIn(t *testing.T) {
	g, p := githubOf(t, func(s *provider.Settings) { s.Groups = "orgs" })
	i, err := plainSignIn(t, g.Upstream, p, githubAda.Subject)
	if err != nil {
		t.Fatal(err)
	}
	orgs, _ := i.Claims["orgs"].([]string)
	if i.Issuer != g.URL || i.Subject != "583231" || i.Username != "ada" || i.Email != "ada@example.com" || !i.EmailVerified ||
		i.Authoritative ||
		i.Text("profile") != g.URL+"/ada" || !slices.Equal(orgs, []string{"engines"}) {
		t.Errorf("got %+v", i)
	}
}

func TestGitHubAddresses(t *testing.T) {
	unverified, none := githubAda, githubAda
	unverified.EmailVerified, none.Email = false, ""
	domain := func(s *provider.Settings) { s.Domains = []string{"example.com"} }
	for name, tt := range map[string]struct {
		account  federationtest.Account
		change   func(*provider.Settings)
		email    string
		verified bool
		want     error
	}{
		"unverified":        {account: unverified, email: "ada@example.com"},
		"none":              {account: none},
		"scope kept back":   {account: githubAda, change: func(s *provider.Settings) { s.Scopes = []string{"read:user"} }},
		"domain":            {account: githubAda, change: domain, email: "ada@example.com", verified: true},
		"domain unverified": {account: unverified, change: domain, want: provider.ErrDomain},
		"another domain": {account: githubAda, change: func(s *provider.Settings) { s.Domains = []string{"example.org"} },
			want: provider.ErrDomain},
		"domain, no scope": {account: githubAda, change: func(s *provider.Settings) {
			s.Domains, s.Scopes = []string{"example.com"}, []string{"read:user"}
		}, want: provider.ErrUpstream},
	} {
		g, p := githubOf(t, tt.change, tt.account)
		i, err := plainSignIn(t, g.Upstream, p, githubAda.Subject)
		if !errors.Is(err, tt.want) || i.Email != tt.email || i.EmailVerified != tt.verified {
			t.Errorf("%s: %q %v, %v", name, i.Email, i.EmailVerified, err)
		}
	}
}

// Rule D2: the primary address and the organisations are found wherever GitHub lists them, within a bound.
func TestGitHubListsAreReadToTheEnd(t *testing.T) {
	for _, aliases := range []int{29, 98, 99, 100, 250, 2_000} {
		member := githubAda
		member.Groups = nil
		for n := range 130 {
			member.Groups = append(member.Groups, fmt.Sprint("org", n))
		}
		g, p := githubOf(t, func(s *provider.Settings) { s.Groups = "orgs" }, member)
		g.Aliases = aliases
		i, err := plainSignIn(t, g.Upstream, p, member.Subject)
		want := member.Email
		if aliases == 2_000 { // beyond the bound: no address, and no failure
			want = ""
		}
		if orgs, _ := i.Claims["orgs"].([]string); err != nil || i.Email != want || !slices.Equal(orgs, member.Groups) {
			t.Errorf("%d aliases: %q, %d organisations, %v", aliases, i.Email, len(orgs), err)
		}
	}
}

func TestN03_GitHubRefusalsAndTrouble(t *testing.T) {
	g, p := githubOf(t, nil)
	if _, err := plainSignIn(t, g.Upstream, p, ""); !errors.Is(err, provider.ErrDenied) {
		t.Errorf("cancelled: %v", err)
	}
	_, wrong := githubOf(t, func(s *provider.Settings) { s.Issuer, s.ClientID, s.ClientSecret = g.URL, g.ClientID, "wrong" })
	if _, err := plainSignIn(t, g.Upstream, wrong, githubAda.Subject); !errors.Is(err, provider.ErrUpstream) ||
		strings.Contains(err.Error(), "secret-of") {
		t.Errorf("an error with status 200: %v", err)
	}
	g.Fail(true, "/api/v3/user")
	if _, err := plainSignIn(t, g.Upstream, p, githubAda.Subject); !errors.Is(err, provider.ErrDown) || strings.Contains(err.Error(), "gho_") {
		t.Errorf("500: %v", err)
	}
	g.Fail(false)
	g.SetAccounts(federationtest.Account{Subject: "0", Login: "nobody"})
	if _, err := plainSignIn(t, g.Upstream, p, "0"); !errors.Is(err, provider.ErrIdentity) {
		t.Errorf("no account: %v", err)
	}
}

func TestGitHubRequest(t *testing.T) {
	p, err := provider.New(provider.Settings{Kind: provider.KindGitHub, ClientID: "1", ClientSecret: "s"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := plainAuthRequest()
	a.Choose = true
	u, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host+u.Path != "github.com/login/oauth/authorize" || q.Get("prompt") != "select_account" ||
		q.Get("scope") != "read:user user:email" ||
		q.Get("code_challenge_method") != "S256" || q.Get("state") != a.State {
		t.Errorf("got %s", u)
	}
}
