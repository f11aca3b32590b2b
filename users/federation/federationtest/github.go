package federationtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// GitHub is GitHub's web application flow and as much of its REST API as that needs, as documented at docs.github.com, at the
// addresses of an Enterprise Server. An account's Subject is its number.
type GitHub struct {
	*Upstream
	ClientID, ClientSecret string
	// Aliases is how many addresses are listed before a person's own.
	Aliases int

	lock      sync.Mutex
	redirects []string
	codes     map[string]githubGrant
	tokens    map[string]githubGrant
}

type githubGrant struct {
	subject, redirectURI, challenge string
	scopes                          []string
}

// NewGitHub starts one that ends with the test.
func NewGitHub(t testing.TB, accounts ...Account) *GitHub {
	t.Helper()
	g := &GitHub{ClientID: "Iv1." + strings.ToLower(random()[:16]), ClientSecret: strings.ToLower(random()), codes: map[string]githubGrant{},
		tokens: map[string]githubGrant{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", g.authorize)
	mux.HandleFunc("POST /login/oauth/authorize", g.authorize)
	mux.HandleFunc("POST /login/oauth/access_token", g.accessToken)
	mux.HandleFunc("GET /api/v3/user", g.user)
	mux.HandleFunc("GET /api/v3/user/emails", g.emails)
	mux.HandleFunc("GET /api/v3/user/orgs", g.orgs)
	mux.HandleFunc("GET /api/v3/meta", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]any{}) })
	g.Upstream = NewUpstream(t, "GitHub", mux, accounts...)
	return g
}

// Register adds callback URLs, which are compared exactly.
func (g *GitHub) Register(redirectURIs ...string) {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.redirects = append(g.redirects, redirectURIs...)
}

func (g *GitHub) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	g.lock.Lock()
	known := slices.Contains(g.redirects, q.Get("redirect_uri"))
	g.lock.Unlock()
	if q.Get("client_id") != g.ClientID {
		g.Refuse(w, http.StatusNotFound, "404", "There is no such app.")
		return
	}
	if !known {
		g.Refuse(w, http.StatusBadRequest, "redirect_uri_mismatch", "The redirect_uri is not associated with this application.")
		return
	}
	account, denied, answered := g.Choose(w, r)
	if !answered {
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if denied {
		back.Set("error", "access_denied")
		back.Set("error_description", "The user has denied your application access.")
		g.SendBack(w, r, q.Get("redirect_uri"), back, false)
		return
	}
	code := strings.ToLower(random()[:20])
	g.lock.Lock()
	g.codes[code] = githubGrant{account.Subject, q.Get("redirect_uri"), q.Get("code_challenge"), strings.Fields(q.Get("scope"))}
	g.lock.Unlock()
	back.Set("code", code)
	g.SendBack(w, r, q.Get("redirect_uri"), back, false)
}

// accessToken answers errors with status 200, as GitHub does.
func (g *GitHub) accessToken(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		answer(w, http.StatusOK,
			map[string]string{"error": code, "error_description": "secret-of-the-upstream", "error_uri": "https://docs.github.com/"})
	}
	code := r.PostFormValue("code")
	g.lock.Lock()
	defer g.lock.Unlock()
	c, ok := g.codes[code]
	delete(g.codes, code)
	switch {
	case r.PostFormValue("client_id") != g.ClientID || r.PostFormValue("client_secret") != g.ClientSecret:
		refuse("incorrect_client_credentials")
	case !ok:
		refuse("bad_verification_code")
	case c.redirectURI != r.PostFormValue("redirect_uri"):
		refuse("redirect_uri_mismatch")
	case c.challenge != "" && !provesCode(c.challenge, r.PostFormValue("code_verifier")):
		refuse("bad_verification_code")
	default:
		token := "gho_" + random()
		g.tokens[token] = c
		answer(w, http.StatusOK, map[string]string{"access_token": token, "scope": strings.Join(c.scopes, ","), "token_type": "bearer"})
	}
}

// whose is the account of a call's token, if that has one of the scopes.
func (g *GitHub) whose(w http.ResponseWriter, r *http.Request, scopes ...string) (Account, bool) {
	g.lock.Lock()
	c, ok := g.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	g.lock.Unlock()
	account, there := g.Account(c.subject)
	if !ok || !there {
		answer(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})
		return account, false
	}
	if len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(c.scopes, s) }) {
		answer(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return account, false
	}
	return account, true
}

func (g *GitHub) user(w http.ResponseWriter, r *http.Request) {
	account, ok := g.whose(w, r)
	if !ok {
		return
	}
	id, _ := strconv.ParseInt(account.Subject, 10, 64)
	answer(w, http.StatusOK, map[string]any{
		"login": account.Login, "id": id, "node_id": "U_" + account.Subject, "type": "User", "name": account.Name, "email": nil,
		"avatar_url": account.Picture, "html_url": g.URL + "/" + account.Login,
	})
}

func (g *GitHub) emails(w http.ResponseWriter, r *http.Request) {
	account, ok := g.whose(w, r, "user", "user:email")
	if !ok {
		return
	}
	list := []map[string]any{}
	for n := range g.Aliases {
		list = append(list,
			map[string]any{"email": fmt.Sprintf("alias%d@elsewhere.example", n), "primary": false, "verified": true, "visibility": nil})
	}
	list = append(list,
		map[string]any{"email": account.Login + "@users.noreply.github.com", "primary": false, "verified": true, "visibility": nil})
	if account.Email != "" {
		list = append(list, map[string]any{"email": account.Email, "primary": true, "verified": account.EmailVerified, "visibility": "private"})
	}
	answer(w, http.StatusOK, pageOf(r, list))
}

func (g *GitHub) orgs(w http.ResponseWriter, r *http.Request) {
	account, ok := g.whose(w, r, "read:org", "user")
	if !ok {
		return
	}
	list := []map[string]any{}
	for _, org := range account.Groups {
		list = append(list, map[string]any{"login": org})
	}
	answer(w, http.StatusOK, pageOf(r, list))
}

// pageOf is the part of a list that is asked for: 30 things unless per_page says more, 100 at most.
func pageOf(r *http.Request, list []map[string]any) []map[string]any {
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil || n < 1 {
			return otherwise
		}
		return n
	}
	size := min(number("per_page", 30), 100)
	from := min((number("page", 1)-1)*size, len(list))
	return list[from:min(from+size, len(list))]
}
