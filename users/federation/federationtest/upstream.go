package federationtest

import (
	"bytes"
	"html"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account is somebody at an upstream.
type Account struct {
	Subject, Email string
	EmailVerified  bool

	Name, GivenName, FamilyName, Picture, Locale string
	Hosted                                       string // Google's hd: the Workspace domain; "" = none
	Login                                        string // GitHub's login, preferred_username of others
	Groups                                       []string
}

// Request is one that came.
type Request struct {
	Method, Path string
	Query, Form  url.Values // Form is that of the body
	Header       http.Header
}

// Upstream is what the servers share. It is safe for concurrent use, and an http.Handler that needs no network.
type Upstream struct {
	URL string // of the server on 127.0.0.1, plain http, without a slash at the end

	name     string
	handler  http.Handler
	fragment string // put behind every callback's address, "" = none

	mu       sync.Mutex
	accounts []Account
	requests []Request
	down     trouble
	fail     trouble
	slow     trouble
	delay    time.Duration
}

// trouble is where something is wrong: nowhere, on some paths, or everywhere.
type trouble struct {
	on    bool
	paths []string
}

func (t trouble) at(path string) bool {
	return t.on && (len(t.paths) == 0 || slices.Contains(t.paths, path))
}

// NewUpstream starts a server that ends with the test. handler answers what is not in trouble; it may be given later, with
// Handle, when it needs the URL. name is what the page calls the upstream.
func NewUpstream(t testing.TB, name string, handler http.Handler, accounts ...Account) *Upstream {
	t.Helper()
	u := &Upstream{name: name, handler: handler, accounts: slices.Clone(accounts)}
	server := httptest.NewServer(u)
	t.Cleanup(func() {
		server.CloseClientConnections() // a slow answer is not waited for
		server.Close()
	})
	u.URL = server.URL
	return u
}

// Handle sets what answers. It is for the kinds, before the first request.
func (u *Upstream) Handle(handler http.Handler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.handler = handler
}

// SetAccounts changes who has an account, from the next request on.
func (u *Upstream) SetAccounts(accounts ...Account) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.accounts = slices.Clone(accounts)
}

// Account finds who has a subject, as they are now.
func (u *Upstream) Account(subject string) (Account, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.accounts, func(a Account) bool { return a.Subject == subject })
	if i < 0 {
		return Account{}, false
	}
	return u.accounts[i], true
}

// Down closes connections without an answer: on the paths, or on all.
func (u *Upstream) Down(on bool, paths ...string) { u.set(&u.down, on, paths) }

// Fail answers 500, with a page, on the paths or on all.
func (u *Upstream) Fail(on bool, paths ...string) { u.set(&u.fail, on, paths) }

// Slow lets each answer wait, on the paths or on all; 0 ends it.
func (u *Upstream) Slow(d time.Duration, paths ...string) {
	u.set(&u.slow, d > 0, paths)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.delay = d
}

func (u *Upstream) set(t *trouble, on bool, paths []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	*t = trouble{on, paths}
}

// Requests are those that came so far to a path; "" = to all.
func (u *Upstream) Requests(path string) []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []Request
	for _, r := range u.requests {
		if path == "" || r.Path == path {
			list = append(list, r)
		}
	}
	return list
}

// ServeHTTP answers, or is in trouble.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	u.mu.Lock()
	u.requests = append(u.requests, Request{r.Method, r.URL.Path, r.URL.Query(), form, maps.Clone(r.Header)})
	down, fail, slow := u.down.at(r.URL.Path), u.fail.at(r.URL.Path), u.slow.at(r.URL.Path)
	delay, handler := u.delay, u.handler
	u.mu.Unlock()
	if slow {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case down:
		panic(http.ErrAbortHandler)
	case fail:
		http.Error(w, "<h1>Something went wrong</h1> secret-of-the-upstream", http.StatusInternalServerError)
	default:
		handler.ServeHTTP(w, r)
	}
}

var choosePage = template.Must(template.New("choose").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in – {{.Name}}</title></head><body>
<h1>{{.Name}}</h1>
<form method="post" action="{{.Action}}">
{{range .Accounts}}<p><button name="account" value="{{.Subject}}">Continue as {{.Name}}</button></p>
{{end}}<p><button name="deny" value="1">Cancel</button></p>
</form></body></html>
`))

// Choose asks the person who they are. It writes the page, unless r is its form: then answered is true, with an account, or
// with denied.
func (u *Upstream) Choose(w http.ResponseWriter, r *http.Request) (account Account, denied, answered bool) {
	if r.Method == http.MethodPost {
		if r.PostFormValue("deny") != "" {
			return Account{}, true, true
		}
		if account, ok := u.Account(r.PostFormValue("account")); ok {
			return account, false, true
		}
	}
	u.mu.Lock()
	accounts := slices.Clone(u.accounts)
	u.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = choosePage.Execute(w, map[string]any{"Name": u.name, "Action": r.URL.RequestURI(), "Accounts": accounts})
	return Account{}, false, false
}

var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Error – {{.Name}}</title></head><body>
<h1>{{.Name}}</h1><p>Error {{.Status}}: {{.Code}}</p><p>{{.Text}}</p></body></html>
`))

// Refuse writes an error page: what an upstream shows that will not send the browser back.
func (u *Upstream) Refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = errorPage.Execute(w, map[string]any{"Name": u.name, "Status": status, "Code": code, "Text": text})
}

var postPage = template.Must(template.New("post").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Name}}</title></head><body onload="document.forms[0].submit()">
<form method="post" action="{{.Action}}">
{{range $name, $values := .Values}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<button>Continue</button></form></body></html>
`))

// SendBack sends the browser to a redirect URI: by the query, or, when post is set, by a form that submits itself (OAuth 2.0
// Form Post Response Mode).
func (u *Upstream) SendBack(w http.ResponseWriter, r *http.Request, to string, values url.Values, post bool) {
	if post {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = postPage.Execute(w, map[string]any{"Name": u.name, "Action": to, "Values": values})
		return
	}
	at := "?"
	if strings.Contains(to, "?") {
		at = "&"
	}
	http.Redirect(w, r, to+at+values.Encode()+u.fragment, http.StatusFound)
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	formHidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// Answer does what a browser would at an address of Provider.Begin: it continues as subject, or cancels when that is "". It
// gives the callback's address without query, and its parameters, of the query or the form. No network is used.
func (u *Upstream) Answer(t testing.TB, begin *url.URL, subject string) (callback string, values url.Values) {
	t.Helper()
	form := url.Values{"account": {subject}}
	if subject == "" {
		form = url.Values{"deny": {"1"}}
	}
	r := httptest.NewRequest(http.MethodPost, begin.String(), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	body := w.Body.String()
	if w.Code == http.StatusFound {
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatalf("%s sends back to what is no address: %v", u.name, err)
		}
		values = to.Query()
		to.RawQuery, to.Fragment = "", "" // which no browser sends
		return to.String(), values
	}
	action, values := formAction.FindStringSubmatch(body), url.Values{}
	for _, hidden := range formHidden.FindAllStringSubmatch(body, -1) {
		values.Add(html.UnescapeString(hidden[1]), html.UnescapeString(hidden[2]))
	}
	if action == nil || len(values) == 0 {
		t.Fatalf("%s does not send back: %d\n%s", u.name, w.Code, body)
	}
	return html.UnescapeString(action[1]), values
}
