package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"signet/users/identifier"
)

const (
	githubWeb = "https://github.com"
	githubAPI = "https://api.github.com"
)

// github speaks OAuth 2 with GitHub, or an Enterprise Server at Settings.Issuer. Who somebody is, is the account's number:
// logins are given to others again. GitHub verifies addresses but runs no mailboxes, so none is authoritative.
type github struct {
	Settings
	client   *http.Client
	web, api string
}

func newGitHub(s Settings, client *http.Client) (Provider, error) {
	if s.ClientID == "" || s.ClientSecret == "" {
		return nil, errors.New("github needs client id and secret")
	}
	g := &github{Settings: s, client: client, web: githubWeb, api: githubAPI}
	if s.Issuer != "" && strings.TrimRight(s.Issuer, "/") != githubWeb {
		g.web = strings.TrimRight(s.Issuer, "/")
		g.api = g.web + "/api/v3"
	}
	if len(g.Scopes) == 0 {
		g.Scopes = []string{"read:user", "user:email"}
		if g.Groups != "" {
			g.Scopes = append(g.Scopes, "read:org")
		}
	}
	return g, nil
}

func (g *github) config(redirectURI string) *oauth2.Config {
	c := &oauth2.Config{ClientID: g.ClientID, ClientSecret: g.ClientSecret, RedirectURL: redirectURI, Scopes: g.Scopes}
	c.Endpoint = oauth2.Endpoint{
		AuthURL: g.web + "/login/oauth/authorize", TokenURL: g.web + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	}
	return c
}

// Begin is the consent page. GitHub cannot be asked for the password again: Fresh shows the account chooser, so that somebody
// has to act.
func (g *github) Begin(_ context.Context, a AuthRequest) (*url.URL, error) {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}
	if a.Choose || a.Fresh || g.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	if a.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login", a.LoginHint))
	}
	return url.Parse(g.config(a.RedirectURI).AuthCodeURL(a.State, options...))
}

// githubPerson is what GET /user answers.
type githubPerson struct {
	ID      int64  `json:"id"`
	Login   string `json:"login"`
	Name    string `json:"name"`
	Avatar  string `json:"avatar_url"`
	Profile string `json:"html_url"`
}

// githubOrganisation is one of GET /user/orgs.
type githubOrganisation struct {
	Login string `json:"login"`
}

// githubEmail is one of GET /user/emails.
type githubEmail struct {
	Email    string `json:"email"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

// Complete takes the code and asks who it is. The token came for the code and our secret, so it is for us.
func (g *github) Complete(ctx context.Context, a AuthRequest, callback url.Values) (Identity, error) {
	code, err := plainCode(callback)
	if err != nil {
		return Identity{}, err
	}
	// An error of the token endpoint comes with status 200; the library knows.
	asking := context.WithValue(ctx, oauth2.HTTPClient, tokenClient(g.client))
	token, err := g.config(a.RedirectURI).Exchange(asking, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, openidTokenError(err)
	}
	var person githubPerson
	if err := g.ask(ctx, "/user", token.AccessToken, &person); err != nil {
		return Identity{}, err
	}
	if person.ID <= 0 {
		return Identity{}, fmt.Errorf("%w: no account", ErrIdentity)
	}
	i := Identity{
		Issuer: g.web, Subject: strconv.FormatInt(person.ID, 10), Username: person.Login, Claims: map[string]any{}, Tokens: openidTokens(token),
	}
	for name, value := range map[string]string{
		"name": person.Name, "picture": person.Avatar, "profile": person.Profile, "nickname": person.Login,
	} {
		if value != "" {
			i.Claims[name] = value
		}
	}
	if err := g.address(ctx, token.AccessToken, &i); err != nil {
		return Identity{}, err
	}
	if g.Groups != "" {
		orgs, err := askAll[githubOrganisation](ctx, g, "/user/orgs", token.AccessToken)
		if err != nil {
			return Identity{}, err
		}
		names := make([]string, len(orgs))
		for n, org := range orgs {
			names[n] = org.Login
		}
		i.Claims[g.Groups] = names
	}
	return i, nil
}

// address is the primary address, or, where domains are configured, the first verified one of theirs.
func (g *github) address(ctx context.Context, token string, i *Identity) error {
	list, err := askAll[githubEmail](ctx, g, "/user/emails", token)
	if err != nil && (!errors.Is(err, ErrUpstream) || len(g.Domains) > 0) { // the person may have kept the scope back
		return err
	}
	for _, e := range list {
		if e.Primary {
			i.Email, i.EmailVerified = e.Email, e.Verified
		}
	}
	if len(g.Domains) == 0 {
		return nil
	}
	at := slices.IndexFunc(list, func(e githubEmail) bool {
		return e.Verified && slices.Contains(g.Domains, identifier.EmailDomain(e.Email))
	})
	if at < 0 {
		return ErrDomain
	}
	i.Email, i.EmailVerified = list[at].Email, true
	return nil
}

// GitHub lists 30 things a page unless asked for more, and 100 at most.
const (
	githubPage  = 100
	githubPages = 10 // nobody has more addresses or organisations that matter
)

// askAll is a list of the REST API, page by page: what matters may be on a later one.
func askAll[T any](ctx context.Context, g *github, path, token string) (all []T, err error) {
	for page := 1; page <= githubPages; page++ {
		var list []T
		if err := g.ask(ctx, fmt.Sprintf("%s?per_page=%d&page=%d", path, githubPage, page), token, &list); err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < githubPage {
			break
		}
	}
	return all, nil
}

// ask is a call of the REST API.
func (g *github) ask(ctx context.Context, path, token string, into any) error {
	what, _, _ := strings.Cut(path, "?")
	return fetchJSON(ctx, g.client, what, g.api+path, token, map[string]string{
		"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28",
	}, into)
}

// Check tells what can be known without a person: that GitHub is there.
func (g *github) Check(ctx context.Context, redirectURI string) []Finding {
	findings := []Finding{{true, "register exactly this authorization callback URL: " + redirectURI}}
	err := g.ask(ctx, "/meta", "", new(map[string]any))
	if errors.Is(err, ErrDown) {
		return append(findings, Finding{false, "the API does not answer: " + err.Error()})
	}
	return append(findings, Finding{true, "the API answers; client id and secret show with the first sign-in"})
}
