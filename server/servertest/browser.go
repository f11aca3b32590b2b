package servertest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Browser is a person's browser without a screen: it keeps cookies, follows redirects on Signet and fills in real forms.
// It stops where a redirect leaves Signet: there Landed is set.
type Browser struct {
	Status int         // of the last answer
	Header http.Header // of the last answer
	URL    *url.URL    // of the page in view
	Body   string      // of the page in view
	Landed *url.URL    // where the last redirect left Signet for, nil if it did not
	Agent  string      // User-Agent
	Extra  http.Header // sent with each request, over what it would send itself
	// Address is where its requests seem to come from, without sockets; "" = the server's Address.
	Address string

	s    *Server
	http *http.Client
	page *html.Node
}

// Browser opens a new one, with no cookies.
func (s *Server) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{s: s, Agent: "servertest", http: &http.Client{Jar: jar, Transport: s.transport, CheckRedirect: stay}}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Cookies of Signet that the browser holds.
func (b *Browser) Cookies() []*http.Cookie { return b.http.Jar.Cookies(b.s.issuer) }

// Tab opens a second tab: another page, the same cookies.
func (b *Browser) Tab(t testing.TB) *Browser {
	t.Helper()
	tab := b.s.Browser(t)
	tab.http.Jar, tab.Address, tab.Extra = b.http.Jar, b.Address, b.Extra
	return tab
}

// Without is another browser with copies of the cookies, but for those whose names hold the piece.
func (b *Browser) Without(t testing.TB, piece string) *Browser {
	t.Helper()
	other := b.s.Browser(t)
	other.Address, other.Extra = b.Address, b.Extra
	for _, c := range b.Cookies() {
		if !strings.Contains(c.Name, piece) {
			c.Path, c.Secure = "/", strings.HasPrefix(c.Name, "__")
			other.http.Jar.SetCookies(b.s.issuer, []*http.Cookie{c})
		}
	}
	return other
}

// Get opens a path of Signet, or an absolute address, and follows.
func (b *Browser) Get(t testing.TB, ref string) *Browser {
	t.Helper()
	b.follow(t, b.request(t, http.MethodGet, b.address(t, ref), nil, "none"))
	return b
}

// Post sends a form to a path of Signet as its own page would, and follows.
func (b *Browser) Post(t testing.TB, ref string, form url.Values) *Browser {
	t.Helper()
	b.follow(t, b.request(t, http.MethodPost, b.address(t, ref), form, "same-origin"))
	return b
}

// PostBody sends what is no plain form to a path of Signet as its own page would, and follows.
func (b *Browser) PostBody(t testing.TB, ref, contentType string, body io.Reader) *Browser {
	t.Helper()
	req := b.request(t, http.MethodPost, b.address(t, ref), nil, "same-origin")
	sent, err := http.NewRequestWithContext(req.Context(), http.MethodPost, req.URL.String(), body)
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = req.Header
	sent.Header.Set("Content-Type", contentType)
	b.follow(t, sent)
	return b
}

// PostFrom sends a form as a page of another site would.
func (b *Browser) PostFrom(t testing.TB, origin, ref string, form url.Values) *Browser {
	t.Helper()
	req := b.request(t, http.MethodPost, b.address(t, ref), form, "cross-site")
	req.Header.Set("Origin", origin)
	b.follow(t, req)
	return b
}

func (b *Browser) address(t testing.TB, ref string) *url.URL {
	t.Helper()
	base := b.s.issuer
	if strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//") {
		u, err := url.Parse(b.s.URL + ref)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if b.URL != nil {
		base = b.URL
	}
	u, err := base.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (b *Browser) request(t testing.TB, method string, to *url.URL, form url.Values, site string) *http.Request {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, to.String(), body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if site == "same-origin" {
		req.Header.Set("Origin", b.s.origin())
	}
	req.Header.Set("Sec-Fetch-Site", site)
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Accept", "text/html")
	req.Header.Set("User-Agent", b.Agent)
	maps.Copy(req.Header, b.Extra)
	if b.Address != "" {
		req = req.WithContext(context.WithValue(req.Context(), addressKey{}, b.Address))
	}
	return req
}

func (b *Browser) follow(t testing.TB, req *http.Request) {
	t.Helper()
	b.Landed = nil
	for range 12 {
		res, err := b.http.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		b.Status, b.Header, b.Body, b.URL = res.StatusCode, res.Header, string(body), req.URL
		if b.page, err = html.Parse(strings.NewReader(b.Body)); err != nil {
			t.Fatal(err)
		}
		location := res.Header.Get("Location")
		if res.StatusCode < 300 || res.StatusCode > 399 || location == "" {
			return
		}
		to, err := req.URL.Parse(location)
		if err != nil {
			t.Fatalf("Location %q: %v", location, err)
		}
		if to.Scheme != b.s.issuer.Scheme || to.Host != b.s.issuer.Host {
			b.Landed = to
			return
		}
		req = b.request(t, http.MethodGet, to, nil, "same-origin")
		req.Header.Del("Origin")
	}
	t.Fatalf("redirects without end at %s", req.URL.Path)
}

// Form is one form of the page in view.
type Form struct {
	Action string
	Method string
	Fields url.Values // as the page fills them; unchecked boxes are left out
	Boxes  []string   // values of all checkboxes, "name=value"
}

// FormWith finds the form that has an element (button or input) with the id or name; nil if there is none.
func (b *Browser) FormWith(element string) *Form {
	for node := range b.page.Descendants() {
		if node.Type != html.ElementNode || node.Data != "form" {
			continue
		}
		for inner := range node.Descendants() {
			if inner.Type == html.ElementNode && (attr(inner, "id") == element || attr(inner, "name") == element) {
				return readForm(node)
			}
		}
	}
	return nil
}

// Has reports whether the page in view has an element with that id.
func (b *Browser) Has(id string) bool { return b.element(id) != nil }

// Attribute of the element with that id; "" if there is none.
func (b *Browser) Attribute(id, name string) string {
	if node := b.element(id); node != nil {
		return attr(node, name)
	}
	return ""
}

// Text of the element with that id, white space folded; "" if there is none. "main" and "h1" stand for the elements.
func (b *Browser) Text(id string) string {
	var out strings.Builder
	if node := b.element(id); node != nil {
		for inner := range node.Descendants() {
			if inner.Type == html.TextNode {
				out.WriteString(inner.Data + " ")
			}
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func (b *Browser) element(id string) *html.Node {
	for node := range b.page.Descendants() {
		if node.Type == html.ElementNode && (attr(node, "id") == id || node.Data == id) {
			return node
		}
	}
	return nil
}

// Submit presses the button (by id or name) of its form with the given fields put in, and follows.
func (b *Browser) Submit(t testing.TB, button string, fields url.Values) *Browser {
	t.Helper()
	form := b.FormWith(button)
	if form == nil {
		t.Fatalf("no form with %q at %s (%d): %s", button, b.URL.Path, b.Status, b.Text("main"))
	}
	if node := b.element(button); node != nil && node.Data == "button" && attr(node, "name") != "" {
		form.Fields.Set(attr(node, "name"), attr(node, "value"))
	}
	maps.Copy(form.Fields, fields)
	to := b.address(t, form.Action)
	if strings.HasPrefix(form.Action, "/") { // already a whole path
		u, err := b.URL.Parse(form.Action)
		if err != nil {
			t.Fatal(err)
		}
		to = u
	}
	b.follow(t, b.request(t, http.MethodPost, to, form.Fields, "same-origin"))
	return b
}

// SignIn fills in the sign-in page.
func (b *Browser) SignIn(t testing.TB, p Person) *Browser {
	t.Helper()
	return b.Submit(t, "login-submit", url.Values{"username": {p.Email}, "password": {p.Password}})
}

// SignUp goes from the sign-in page to sign-up and fills it in.
func (b *Browser) SignUp(t testing.TB, name, email, password string) *Browser {
	t.Helper()
	link := ""
	for node := range b.page.Descendants() {
		if node.Data == "a" && strings.Contains(attr(node, "href"), "/signup") {
			link = attr(node, "href")
		}
	}
	if link == "" {
		t.Fatalf("no link to sign-up at %s: %s", b.URL.Path, b.Text("main"))
	}
	to, err := b.URL.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	b.Get(t, to.String())
	return b.Submit(t, "signup-submit", url.Values{"name": {name}, "username": {email}, "password": {password}})
}

// Allow answers the consent page with yes to everything, or to the scopes named only.
func (b *Browser) Allow(t testing.TB, scopes ...string) *Browser {
	t.Helper()
	form := b.FormWith("consent-allow")
	if form == nil {
		t.Fatalf("no consent page at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
	}
	if len(scopes) == 0 {
		for _, box := range form.Boxes {
			if value, ok := strings.CutPrefix(box, "scope="); ok {
				scopes = append(scopes, value)
			}
		}
	}
	return b.Submit(t, "consent-allow", url.Values{"scope": scopes})
}

// Deny answers it with no.
func (b *Browser) Deny(t testing.TB) *Browser {
	t.Helper()
	return b.Submit(t, "consent-deny", nil)
}

func readForm(node *html.Node) *Form {
	f := &Form{Action: attr(node, "action"), Method: strings.ToUpper(attr(node, "method")), Fields: url.Values{}}
	for inner := range node.Descendants() {
		name, value := attr(inner, "name"), attr(inner, "value")
		if inner.Data == "select" && name != "" {
			f.Fields.Set(name, selected(inner))
			continue
		}
		if inner.Type != html.ElementNode || inner.Data != "input" || name == "" {
			continue
		}
		switch attr(inner, "type") {
		case "checkbox", "radio":
			f.Boxes = append(f.Boxes, name+"="+value)
			if _, checked := attribute(inner, "checked"); checked {
				f.Fields.Add(name, value)
			}
		case "submit":
		default:
			f.Fields.Add(name, value)
		}
	}
	return f
}

// selected is the value of the option that is chosen: the first, if no other is.
func selected(list *html.Node) (value string) {
	first := true
	for option := range list.Descendants() {
		if option.Data != "option" {
			continue
		}
		text, ok := attribute(option, "value")
		if !ok && option.FirstChild != nil {
			text = strings.TrimSpace(option.FirstChild.Data)
		}
		if _, chosen := attribute(option, "selected"); chosen || first {
			value, first = text, false
		}
	}
	return value
}

func attr(n *html.Node, name string) string {
	value, _ := attribute(n, name)
	return value
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}
