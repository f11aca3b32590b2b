package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/audit"
	"signet/internal/telemetry"
	"signet/oauth/refusal"
	"signet/server/web"
	"signet/storage"
)

// served is a mux with one route of each sort.
type served struct {
	http.Handler
	mux *web.Mux
	log *bytes.Buffer
}

type option func(*web.Options)

func open(t testing.TB, issuer string, mount func(m *web.Mux), opts ...option) *served {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	d := &served{log: new(bytes.Buffer)}
	o := web.Options{Issuer: u, Log: telemetry.NewLogger(telemetry.LogOptions{Writer: d.log, Format: "json"}),
		Errors: func(w http.ResponseWriter, r *http.Request, e *web.PageError) error {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(e.Status)
			fmt.Fprintf(w, "<h1>%s</h1> %s", e.Kind, web.RequestID(r.Context()))
			return nil
		}}
	for _, f := range opts {
		f(&o)
	}
	d.mux = web.NewMux(o)
	mount(d.mux)
	d.Handler = d.mux.Handler()
	return d
}

func (d *served) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

const issuer = "https://id.example"

func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, issuer+path, nil)
	r.URL.Scheme, r.URL.Host = "", ""
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func form(path, body string, headers ...string) *http.Request {
	r := request("POST", path, headers...)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

func text(s string) web.Func {
	return func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func failing(err error) web.Func {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func TestA02_ForgedHostChangesNoByteOfAnAPIAnswer(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) { m.API("GET /x", web.PublicCORS, text("same")) })
	want := d.do(request("GET", "/x")).Result()
	for _, h := range [][2]string{{"Host", "evil.example"}, {"X-Forwarded-Host", "evil.example"},
		{"Forwarded", "host=evil.example;proto=http"}} {
		r := request("GET", "/x", h[0], h[1])
		if h[0] == "Host" {
			r.Host = h[1]
		}
		got := d.do(r).Result()
		if fmt.Sprint(got.Header, got.StatusCode) != fmt.Sprint(want.Header, want.StatusCode) {
			t.Errorf("%s: got %v, want %v", h[0], got.Header, want.Header)
		}
	}
}

func TestA03_PagesUnderAForeignHostRedirectToTheIssuer(t *testing.T) {
	mount := func(m *web.Mux) {
		m.Page("GET /account", text("me"))
		m.Page("POST /account/password", text("changed"))
	}
	tests := map[string]struct {
		issuer, host, want string
		status             int
	}{
		"own":             {"https://id.example", "id.example", "", 200},
		"own with port":   {"https://id.example", "id.example:443", "", 200},
		"other case":      {"https://id.example", "ID.example", "", 200},
		"foreign":         {"https://id.example", "evil.example", "https://id.example/account?a=b", 303},
		"foreign port":    {"https://id.example", "id.example:8443", "https://id.example/account?a=b", 303},
		"loopback twin":   {"http://localhost:9400", "127.0.0.1:9400", "", 200},
		"loopback six":    {"http://localhost:9400", "[::1]:9400", "", 200},
		"not loopback":    {"http://localhost:9400", "192.0.2.1:9400", "http://localhost:9400/account?a=b", 303},
		"loopback issuer": {"http://127.0.0.1:9400", "localhost:9400", "", 200},
		"loopback two":    {"http://127.0.0.2:9400", "127.0.0.2:9400", "", 200},
		"under localhost": {"http://id.localhost:9400", "id.localhost:9400", "", 200},
		"another site":    {"http://id.localhost:9400", "localhost:9400", "http://id.localhost:9400/account?a=b", 303},
		"no host":         {"https://id.example", "", "https://id.example/account?a=b", 303},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			d := open(t, tt.issuer, mount)
			r := request("GET", "/account?a=b")
			r.Host = tt.host
			w := d.do(r)
			if w.Code != tt.status || w.Header().Get("Location") != tt.want {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Header().Get("Location"), tt.status, tt.want)
			}
			warned := strings.Contains(d.log.String(), "another name") && strings.Contains(d.log.String(), tt.issuer)
			if warned != (tt.status == 303) {
				t.Errorf("warning: got %v\n%s", warned, d.log)
			}
		})
	}
	r := form("/account/password", "x=y", "Origin", "https://evil.example")
	r.Host = "evil.example"
	if w := open(t, issuer, mount).do(r); w.Body.String() == "changed" {
		t.Error("a POST under a foreign host was served")
	}
}

func TestA04_AddressIsBelievedOnlyFromTrustedProxies(t *testing.T) {
	tests := map[string]struct{ peer, forwarded, want string }{
		"direct":             {"203.0.113.9:55", "", "203.0.113.9"},
		"forged":             {"203.0.113.9:55", "198.51.100.1", "203.0.113.9"},
		"one proxy":          {"10.0.0.1:55", "198.51.100.1", "198.51.100.1"},
		"client's own claim": {"10.0.0.1:55", "192.0.2.66, 198.51.100.1", "198.51.100.1"},
		"two proxies":        {"10.0.0.1:55", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
		"all ours":           {"10.0.0.1:55", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		"rubbish":            {"10.0.0.1:55", "198.51.100.1, rubbish, 10.0.0.2", "10.0.0.2"},
		"six":                {"10.0.0.1:55", "[2001:db8::1]", "2001:db8::1"},
		"mapped":             {"[::ffff:10.0.0.1]:55", "::ffff:198.51.100.1", "198.51.100.1"},
		"header empty":       {"10.0.0.1:55", "", "10.0.0.1"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			d := open(t, issuer, func(m *web.Mux) {
				m.API("GET /x", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
					for _, h := range []string{"X-Forwarded-Host", "Forwarded", "X-Real-Ip", "Client-Cert"} {
						if r.Header.Get(h) != "" {
							t.Errorf("%s reached the handler", h)
						}
					}
					origin := audit.OriginOf(r.Context())
					if origin.Address != web.Address(r).String() || origin.Network != web.Network(web.Address(r)) ||
						origin.RequestID != web.RequestID(r.Context()) || origin.Agent != "ua" {
						t.Errorf("audit origin: got %+v", origin)
					}
					_, err := io.WriteString(w, web.Address(r).String())
					return err
				})
			}, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
			r := request("GET", "/x", "X-Forwarded-For", tt.forwarded, "X-Forwarded-Host", "h", "Forwarded", "for=1.2.3.4", "X-Real-Ip", "1.2.3.4",
				"Client-Cert", ":x:", "User-Agent", "ua")
			r.RemoteAddr = tt.peer
			if got := d.do(r).Body.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if got := web.Network(netip.MustParseAddr("2001:db8:1:2ff::1")); got != "2001:db8:1:200::/56" {
		t.Errorf("network: got %s", got)
	}
	if got := web.Network(netip.MustParseAddr("203.0.113.24")); got != "203.0.113.0/24" {
		t.Errorf("network: got %s", got)
	}
}

func TestA13_PanicShowsTheReferenceOnly(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, func(http.ResponseWriter, *http.Request) error { panic("SELECT secret FROM /srv") })
		m.Page("GET /account", func(http.ResponseWriter, *http.Request) error { panic("SELECT secret FROM /srv") })
	})
	for _, r := range []*http.Request{form("/token", ""), request("GET", "/account")} {
		d.log.Reset()
		w := d.do(r)
		id := regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}`).FindString(w.Body.String())
		if w.Code != 500 || id == "" || strings.Contains(w.Body.String(), "SELECT") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		line := d.log.String()
		if !strings.Contains(line, id) || !strings.Contains(line, "SELECT secret") || !strings.Contains(line, `"stack"`) ||
			strings.Count(line, "\n") != 1 {
			t.Errorf("log: %s", line)
		}
	}
}

func TestErrorsAtTheBorder(t *testing.T) {
	away := fmt.Errorf("find client: %w", fmt.Errorf("%w: dial tcp", storage.ErrUnavailable))
	challenge := refusal.InvalidClient("No.")
	challenge.Header = http.Header{"Www-Authenticate": {`Basic realm="x"`}}
	tests := map[string]struct {
		err              error
		status, page     int
		code, kind       string
		header, contains string
	}{
		"refusal": {refusal.InvalidGrant("Spent.").Because(errors.New("row 7")), 400, 400, "invalid_grant", "invalid_request", "",
			"Spent."},
		"wrapped":          {fmt.Errorf("exchange: %w", refusal.InvalidScope("Unknown.")), 400, 400, "invalid_scope", "invalid_request", "", ""},
		"client":           {refusal.InvalidClient("No."), 401, 401, "invalid_client", "invalid_request", "Www-Authenticate", ""},
		"client challenge": {challenge, 401, 401, "invalid_client", "invalid_request", "Www-Authenticate", ""},
		"database":         {away, 503, 503, "temporarily_unavailable", "unavailable", "Retry-After", ""},
		"no text":          {fmt.Errorf("end session: %w", storage.ErrText), 400, 400, "invalid_request", "invalid_request", "", "NUL"},
		"often too late": {fmt.Errorf("write interaction: %w", storage.ErrStale), 503, 503, "temporarily_unavailable", "busy", "Retry-After",
			""},
		"database within": {refusal.InvalidClient("No.").Because(away), 503, 503, "temporarily_unavailable", "unavailable", "Retry-After", ""},
		"page error":      {&web.PageError{Kind: "expired"}, 400, 400, "invalid_request", "expired", "", ""},
		"too many": {&web.PageError{Status: 429, Kind: "too_many", RetryAfter: 1500 * time.Millisecond}, 429, 429,
			"temporarily_unavailable", "too_many", "Retry-After", ""},
		"no name": {errors.New("relation users does not exist"), 500, 500, "server_error", "server", "", "Reference"},
		"server":  {refusal.ServerError("x").Because(errors.New("y")), 500, 500, "server_error", "server", "", "Reference"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			d := open(t, issuer, func(m *web.Mux) {
				m.API("POST /token", web.NoCORS, failing(tt.err))
				m.Page("GET /page", failing(tt.err))
			})
			w := d.do(form("/token", ""))
			var body struct{ Error, Error_description string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || body.Error != tt.code || w.Header().Get("Cache-Control") != "no-store" ||
				w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("api: got %d %s %v", w.Code, w.Body, w.Header())
			}
			if tt.header != "" && w.Header()[tt.header] == nil {
				t.Errorf("api: no %s", tt.header)
			}
			if !strings.Contains(body.Error_description, tt.contains) || strings.Contains(w.Body.String(), "row 7") ||
				strings.Contains(w.Body.String(), "relation") {
				t.Errorf("api says %s", w.Body)
			}
			if !strings.Contains(d.log.String(), tt.err.Error()) {
				t.Errorf("the log lacks the chain: %s", d.log)
			}
			w = d.do(request("GET", "/page"))
			if w.Code != tt.page || !strings.Contains(w.Body.String(), "<h1>"+tt.kind+"</h1>") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("page: got %d %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "relation") {
				t.Errorf("page says %s", w.Body)
			}
		})
	}
}

// TestTheLogNamesAKindOnce: an error of a page whose cause is of the same kind.
func TestTheLogNamesAKindOnce(t *testing.T) {
	for want, e := range map[string]*web.PageError{
		"expired":                             {Kind: "expired"},
		"redirect_mismatch":                   {Kind: "redirect_mismatch", Cause: errors.New("redirect_mismatch")},
		"too_many":                            {Kind: "too_many", Cause: errors.New("too many")},
		"no_document: no answer":              {Kind: "no_document", Cause: errors.New("no_document: no answer")},
		"invalid: invalid_request: malformed": {Kind: "invalid", Cause: errors.New("invalid_request: malformed")},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestUnknownPathsAndMethodsAnswerInTheirSidesForm(t *testing.T) {
	d := open(t, issuer+"/tenant", func(m *web.Mux) {
		m.API("POST /oauth2/token", web.NoCORS, text("x"))
		m.Page("GET /account", text("x"))
		m.Root("GET /.well-known/oauth-authorization-server/tenant", web.PublicCORS, text("meta"))
	})
	tests := []struct {
		method, path, accept string
		status               int
		allow, contains      string
	}{
		{"POST", "/tenant/oauth2/token", "", 200, "", "x"},
		{"HEAD", "/tenant/account", "", 200, "", ""},
		{"GET", "/.well-known/oauth-authorization-server/tenant", "", 200, "", "meta"},
		{"GET", "/tenant/oauth2/token", "text/html", 405, "POST", `"error":"invalid_request"`},
		{"DELETE", "/tenant/account", "", 405, "GET, HEAD", "<h1>method</h1>"},
		{"GET", "/account", "", 404, "", "<h1>not_found</h1>"},
		{"GET", "/nothing", "application/json", 404, "", `"error":"invalid_request"`},
		{"GET", "/nothing", "text/html,application/json", 404, "", "<h1>not_found</h1>"},
		{"POST", "//tenant//oauth2/token", "", 404, "", "<h1>not_found</h1>"},
		{"GET", "/tenant/./account", "", 404, "", "<h1>not_found</h1>"},
	}
	for _, tt := range tests {
		r := request(tt.method, "/", "Accept", tt.accept)
		r.URL.Path, r.RequestURI = tt.path, tt.path
		w := d.do(r)
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow || !strings.Contains(w.Body.String(), tt.contains) {
			t.Errorf("%s %s: got %d %v %s", tt.method, tt.path, w.Code, w.Header(), w.Body)
		}
	}
	if got := d.mux.Mounted(); !slices.Contains(got, "POST /tenant/oauth2/token") || d.mux.Path("/signin") != "/tenant/signin" {
		t.Errorf("mounted: %v", got)
	}
}

// TestABrowserIsLedFromAFormsAddressToItsPage: whoever reloads what a form was answered with, or goes back to it, asks by GET.
func TestABrowserIsLedFromAFormsAddressToItsPage(t *testing.T) {
	d := open(t, issuer+"/tenant", func(m *web.Mux) {
		m.Page("GET /{$}", text("home"))
		m.Page("GET /account/passkeys", text("x"))
		m.Page("POST /account/passkeys/add", text("x"), web.Passkey)
		m.Page("POST /account/passkeys/one/{id}/remove", text("x"), web.Passkey)
		m.Page("POST /orphan", text("x"), web.Nothing)
		m.API("GET /api", web.NoCORS, text("x"))
		m.Page("POST /api/page", text("x"), web.Nothing)
		m.API("POST /oauth2/token", web.NoCORS, text("x"))
	})
	const html = "text/html,application/xhtml+xml"
	for _, tt := range []struct{ method, target, accept, to string }{
		{"GET", "/tenant/account/passkeys/add", html, "/tenant/account/passkeys"},
		{"HEAD", "/tenant/account/passkeys/add", html, "/tenant/account/passkeys"},
		{"GET", "/tenant/account/passkeys/add?i=1&x=%2F%2Fevil.example", html, "/tenant/account/passkeys?i=1&x=%2F%2Fevil.example"},
		{"GET", "/tenant/account/passkeys/one/7/remove", html, "/tenant/account/passkeys"},
		{"GET", "/tenant/account/passkeys/one/%0d%0aX:%20y/remove", html, "/tenant/account/passkeys"},
		{"GET", "/tenant/orphan", html, "/tenant/"},
		{"GET", "/tenant/api/page", html, "/tenant/"},         // what programs fetch is no page
		{"GET", "/tenant/account/passkeys/add", "*/*", ""},    // a program wants to know
		{"DELETE", "/tenant/account/passkeys/add", html, ""},  // not to show it
		{"GET", "/tenant/oauth2/token", html, ""},             // no form is sent there
		{"GET", "/tenant//evil.example/../orphan", html, "-"}, // no such path
	} {
		w := d.do(request(tt.method, tt.target, "Accept", tt.accept))
		want := http.StatusSeeOther
		switch tt.to {
		case "":
			want = http.StatusMethodNotAllowed
		case "-":
			want, tt.to = http.StatusNotFound, ""
		}
		if w.Code != want || w.Header().Get("Location") != tt.to {
			t.Errorf("%s %s: got %d to %q, want %d to %q", tt.method, tt.target, w.Code, w.Header().Get("Location"), want, tt.to)
		}
	}
}

func TestT01_OneWideEventAndNoSecretInIt(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /oauth2/token", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
			telemetry.Add(r.Context(), slog.String("client_id", "shop"), slog.String("grant", "refresh_token"),
				slog.String("email", "ada@example.org"))
			return refusal.InvalidGrant("Spent.").Because(errors.New("generation 3 of 5"))
		})
		m.API("GET /jwks", web.PublicCORS, text("k"))
	})
	w := d.do(form("/oauth2/token?code=s3cret", "refresh_token=s3cret&client_secret=s3cret", "Authorization", "Basic s3cret", "Cookie",
		"a=s3cret"))
	if w.Code != 400 {
		t.Fatal(w.Code)
	}
	var line map[string]any
	if err := json.Unmarshal(d.log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, d.log)
	}
	want := map[string]any{"msg": "request", "level": "INFO", "method": "POST", "pattern": "/oauth2/token", "status": 400.0,
		"client_id": "shop",
		"grant":     "refresh_token", "email": "[redacted]", "error": "invalid_grant: Spent.: generation 3 of 5"}
	for k, v := range want {
		if line[k] != v {
			t.Errorf("%s: got %v, want %v", k, line[k], v)
		}
	}
	if took, ok := line["took_us"].(float64); !ok || took < 0 || line["request_id"] == nil { // E10: a number whose name has the unit
		t.Errorf("line: %v", line)
	}
	if strings.Contains(d.log.String(), "s3cret") || strings.Contains(d.log.String(), "ada@") {
		t.Errorf("a secret in the log: %s", d.log)
	}
}

func TestDatabaseStatementsStandInTheEvent(t *testing.T) {
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + t.TempDir() + "/x.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /x", web.NoCORS, func(_ http.ResponseWriter, r *http.Request) error { return db.Ping(r.Context()) })
	})
	d.do(request("GET", "/x"))
	if !strings.Contains(d.log.String(), `"db_reads":1,"db_writes":0`) {
		t.Errorf("log: %s", d.log)
	}
}

func TestCancelledRequestIsNotAnError(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /x", web.NoCORS, func(_ http.ResponseWriter, r *http.Request) error {
			return fmt.Errorf("read: %w", context.Cause(r.Context()))
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := d.do(request("GET", "/x").WithContext(ctx))
	if w.Body.Len() != 0 || !strings.Contains(d.log.String(), `"status":499`) || strings.Contains(d.log.String(), "ERROR") {
		t.Errorf("got %s, log %s", w.Body, d.log)
	}
}

func TestRedirectKeepsTheLanguageChosen(t *testing.T) { // B13
	tests := []struct{ at, to, want string }{
		{"/signin?i=1&lang=de", "/oauth2/continue?i=1", "/oauth2/continue?i=1&lang=de"},
		{"/signin?lang=de", "/account#apps", "/account?lang=de#apps"},
		{"/signin?lang=de", "/x?lang=en", "/x?lang=en"},
		{"/signin?i=1", "/account", "/account"},
		{"/signin?lang=de", "https://shop.example/cb?code=x", "https://shop.example/cb?code=x"},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		if err := web.Redirect(w, httptest.NewRequest("POST", tt.at, nil), tt.to); err != nil || w.Code != 303 ||
			w.Header().Get("Location") != tt.want {
			t.Errorf("%s → %s: got %d %q %v", tt.at, tt.to, w.Code, w.Header().Get("Location"), err)
		}
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /x", web.NoCORS, func(_ http.ResponseWriter, r *http.Request) error {
			id := web.RequestID(r.Context())
			if seen[id] || !regexp.MustCompile(`^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{2}$`).MatchString(id) {
				t.Errorf("id %q", id)
			}
			seen[id] = true
			return nil
		})
	})
	for range 1000 {
		d.do(request("GET", "/x"))
	}
	if web.RequestID(t.Context()) != "" {
		t.Error("an id outside a request")
	}
}

func TestNothingOfAFailedAnswerIsSent(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /x", web.NoCORS, func(w http.ResponseWriter, _ *http.Request) error {
			return web.WriteJSON(w, 200, map[string]any{"a": make(chan int)})
		})
	})
	if w := d.do(request("GET", "/x")); w.Code != 500 || !strings.Contains(w.Body.String(), "server_error") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
