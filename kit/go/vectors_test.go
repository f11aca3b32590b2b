package kit

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const vectorsDir = "../vectors"

// suite is a file of vectors: cases that every kit decides alike. kit/vectors/README.md says what the members mean.
type suite struct {
	About    string          `json:"about"`
	Issuer   string          `json:"issuer"`
	Resource string          `json:"resource"`
	Time     int64           `json:"time"`
	JWKS     json.RawMessage `json:"jwks"`
	Vectors  []vector        `json:"vectors"`
}

type vector struct {
	Name    string            `json:"name"`
	Why     string            `json:"why,omitempty"`
	Options vectorOpts        `json:"options,omitzero"`
	Issuer  string            `json:"issuer_is,omitempty"` // "" = reachable, "away", "broken" = answers 500
	Lists   map[string]string `json:"lists,omitempty"`     // status lists, by their addresses; "" = 404
	Answer  *vectorAnswer     `json:"answer,omitempty"`    // of the introspection endpoint; nil = nobody asks
	Demand  vectorWants       `json:"demand,omitzero"`
	Before  []vectorReq       `json:"before,omitempty"`
	Wait    int64             `json:"wait,omitempty"` // seconds between before and request
	Request vectorReq         `json:"request"`
	Want    outcome           `json:"want"`
}

type vectorOpts struct {
	BaseURL      string   `json:"base_url,omitempty"`
	Audiences    []string `json:"audiences,omitempty"`
	Algorithms   []string `json:"algorithms,omitempty"`
	DPoPRequired bool     `json:"dpop_required,omitempty"`
	NonceKeys    []string `json:"nonce_keys,omitempty"` // base64url
	ProxyHeader  string   `json:"proxy_header,omitempty"`
	Trusted      []string `json:"trusted,omitempty"`
	Introspect   string   `json:"introspect,omitempty"` // "opaque" tokens are asked about, "always", or opaque ones by "signed" answers
}

type vectorAnswer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

type vectorWants struct {
	Scopes   []string `json:"scopes,omitempty"`
	AnyScope []string `json:"any_scope,omitempty"`
	MaxAge   *int64   `json:"max_age,omitempty"`
	ACR      []string `json:"acr,omitempty"`
	Bound    bool     `json:"bound,omitempty"`
}

type vectorReq struct {
	Method      string      `json:"method"`
	URL         string      `json:"url"`
	Headers     [][2]string `json:"headers,omitempty"`
	Certificate string      `json:"certificate,omitempty"` // base64 DER, of the connection
	Remote      string      `json:"remote,omitempty"`
}

type outcome struct {
	Reason    Reason   `json:"reason"` // "" = allowed
	Status    int      `json:"status"`
	Challenge []string `json:"challenge,omitempty"`
	Nonce     string   `json:"nonce,omitempty"` // the header DPoP-Nonce
	Subject   string   `json:"subject,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	Actors    []string `json:"actors,omitempty"`
}

func (o vectorOpts) options(t *testing.T) (out Options) {
	out.BaseURL, out.Audiences, out.Algorithms = o.BaseURL, o.Audiences, o.Algorithms
	out.DPoP.Required, out.Proxy.Header = o.DPoPRequired, o.ProxyHeader
	if o.Introspect != "" {
		out.Introspection = &Introspection{ClientID: "api", Secret: "a b:c", Always: o.Introspect == "always", Signed: o.Introspect == "signed"}
	}
	for _, k := range o.NonceKeys {
		key, err := base64.RawURLEncoding.DecodeString(k)
		if err != nil {
			t.Fatal(err)
		}
		out.DPoP.NonceKeys = append(out.DPoP.NonceKeys, key)
	}
	for _, p := range o.Trusted {
		out.Proxy.Trusted = append(out.Proxy.Trusted, netip.MustParsePrefix(p))
	}
	return out
}

func (w vectorWants) demands() (d []Demand) {
	if len(w.Scopes) > 0 {
		d = append(d, Scopes(w.Scopes...))
	}
	if len(w.AnyScope) > 0 {
		d = append(d, AnyScope(w.AnyScope...))
	}
	if w.MaxAge != nil {
		d = append(d, Fresh(time.Duration(*w.MaxAge)*time.Second))
	}
	if len(w.ACR) > 0 {
		d = append(d, Class(w.ACR...))
	}
	if w.Bound {
		d = append(d, Bound())
	}
	return d
}

func (v vectorReq) request(t *testing.T) *http.Request {
	r := httptest.NewRequest(v.Method, v.URL, nil)
	r.RemoteAddr = "203.0.113.7:4321"
	if v.Remote != "" {
		r.RemoteAddr = v.Remote
	}
	for _, h := range v.Headers {
		r.Header.Add(h[0], h[1])
	}
	r.TLS = nil
	if v.Certificate != "" {
		der, err := base64.StdEncoding.DecodeString(v.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
	}
	return r
}

// issuerOf is the issuer of a test, without a network.
type issuerOf func(*http.Request) (status int, body string)

func (f issuerOf) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	if status == 0 {
		return nil, errors.New("no route to the issuer")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

// serving answers with a discovery document and the keys.
func serving(issuer, jwks string) issuerOf {
	return func(r *http.Request) (int, string) {
		switch r.URL.String() {
		case issuer + "/.well-known/openid-configuration":
			return 200, `{"issuer":"` + issuer + `","jwks_uri":"` + issuer + `/jwks","introspection_endpoint":"` + issuer + `/introspect"}`
		case issuer + "/jwks":
			return 200, jwks
		}
		return 404, ""
	}
}

// run decides a vector at its time.
func (v vector) run(t *testing.T, s suite) (got outcome) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(s.Time-v.Wait, 0)))
		o := v.Options.options(t)
		away := issuerOf(func(*http.Request) (int, string) { return map[string]int{"broken": 500}[v.Issuer], "" })
		o.HTTP = &http.Client{Transport: serving(s.Issuer, string(s.JWKS))}
		if len(v.Lists) > 0 {
			rest := o.HTTP.Transport.(issuerOf)
			o.HTTP.Transport = issuerOf(func(r *http.Request) (int, string) {
				switch list, ok := v.Lists[r.URL.String()]; {
				case ok && list == "":
					return 404, ""
				case ok:
					return 200, list
				}
				return rest(r)
			})
		}
		if v.Issuer != "" {
			o.HTTP.Transport = away
		}
		asked := 0
		if rest := o.HTTP.Transport.(issuerOf); v.Options.Introspect != "" && v.Issuer == "" {
			o.HTTP.Transport = issuerOf(func(r *http.Request) (int, string) {
				if r.URL.String() != s.Issuer+"/introspect" {
					return rest(r)
				}
				asked++
				id, secret, _ := r.BasicAuth()
				accept := map[bool]string{true: "application/token-introspection+jwt", false: "application/json"}[o.Introspection.Signed]
				sent := strings.Fields(v.Request.Headers[0][1])[1]
				if r.Method != http.MethodPost || id != "api" || secret != "a+b%3Ac" || r.FormValue("token") != sent ||
					r.Header.Get("Accept") != accept || v.Answer == nil {
					t.Errorf("asked with %s by %q %q, %v", r.Method, id, secret, r.Header)
					return 400, ""
				}
				return v.Answer.Status, v.Answer.Body
			})
		}
		var reason Reason
		o.Observe = func(_ context.Context, r Reason) { reason = r }
		api, err := New(s.Issuer, s.Resource, o)
		if err != nil {
			t.Fatal(err)
		}
		h := api.Require(v.Demand.demands()...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, _ := From(r.Context())
			got.Subject, got.ClientID, got.Scopes = token.Subject, token.ClientID, token.Scopes
			for _, a := range token.Actors {
				got.Actors = append(got.Actors, a.Subject)
			}
		}))
		for _, r := range v.Before {
			h.ServeHTTP(httptest.NewRecorder(), r.request(t))
		}
		got = outcome{}
		time.Sleep(time.Until(time.Unix(s.Time, 0)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, v.Request.request(t))
		got.Reason, got.Status, got.Challenge, got.Nonce = reason, w.Code, w.Header()["Www-Authenticate"], w.Header().Get("Dpop-Nonce")
		checkAnswer(t, w, got)
		if (asked > 0) != (v.Answer != nil) {
			t.Errorf("the endpoint was asked %d times", asked)
		}
	})
	return got
}

// checkAnswer: what holds for every answer, whatever was refused.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, got outcome) {
	if got.Status == http.StatusOK {
		return
	}
	var body struct{ Error, Description string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Header().Get("Content-Type") != "application/json" ||
		w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the answer %v %s", w.Header(), w.Body)
	}
	for _, c := range got.Challenge {
		if body.Error != "" && strings.Contains(c, "error=") && !strings.Contains(c, `error="`+body.Error+`"`) {
			t.Errorf("challenge %s, body %s", c, w.Body)
		}
	}
	if (w.Header().Get("Retry-After") != "") != (got.Status == 503 || got.Status == 429) {
		t.Errorf("Retry-After %q with %d", w.Header().Get("Retry-After"), got.Status)
	}
}

func readSuites(t testing.TB) map[string]suite {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]suite{}
	for _, f := range files {
		if filepath.Base(f) == "testkeys.json" {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s suite
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = s
	}
	return all
}

// TestVectors: the kit decides every case as the shared files say.
func TestVectors(t *testing.T) {
	n := 0
	for name, s := range readSuites(t) {
		for _, v := range s.Vectors {
			n++
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				if got := v.run(t, s); !v.Want.equal(got) {
					t.Errorf("%s\ngot  %+v\nwant %+v", v.Why, got, v.Want)
				}
			})
		}
	}
	if n < 100 {
		t.Errorf("only %d vectors", n)
	}
}

func (o outcome) equal(p outcome) bool {
	return o.Reason == p.Reason && o.Status == p.Status && slices.Equal(o.Challenge, p.Challenge) && o.Nonce == p.Nonce &&
		o.Subject == p.Subject && o.ClientID == p.ClientID && slices.Equal(o.Scopes, p.Scopes) && slices.Equal(o.Actors, p.Actors)
}
