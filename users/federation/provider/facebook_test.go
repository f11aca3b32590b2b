package provider_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/internal/egress"
	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

const plainCallback = "https://id.example/signin/with/x/callback"

var (
	facebookAda = federationtest.Account{Subject: "10150001", Email: "ada@example.com", Name: "Ada Lovelace", GivenName: "Ada",
		FamilyName: "Lovelace", Picture: "https://cdn.example/ada.jpg"}
	facebookEve = federationtest.Account{Subject: "10150002", Name: "Eve"} // signed up by telephone: no address
)

func plainClient(t *testing.T) *http.Client {
	t.Helper()
	c := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, Total: 2 * time.Second, InFlight: 64, PerHost: 64})
	t.Cleanup(c.Close)
	return c.HTTP()
}

func facebookOf(t *testing.T, change func(*provider.Settings)) (*federationtest.Facebook, provider.Provider) {
	t.Helper()
	f := federationtest.NewFacebook(t, facebookAda, facebookEve)
	f.Register(plainCallback)
	s := provider.Settings{ID: "fb", Kind: provider.KindFacebook, Issuer: f.URL, ClientID: f.ClientID, ClientSecret: f.ClientSecret}
	if change != nil {
		change(&s)
	}
	p, err := provider.New(s, plainClient(t))
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

func plainAuthRequest() provider.AuthRequest {
	return provider.AuthRequest{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: plainCallback,
		BegunAt: time.Now()}
}

// plainSignIn signs somebody in, as a browser would; "" refuses.
func plainSignIn(t *testing.T, u *federationtest.Upstream, p provider.Provider, subject string) (provider.Identity, error) {
	t.Helper()
	a := plainAuthRequest()
	begin, err := p.Begin(t.Context(), a)
	if err != nil {
		return provider.Identity{}, err
	}
	callback, values := u.Answer(t, begin, subject)
	if callback != plainCallback || values.Get("state") != a.State {
		t.Fatalf("sent to %q with %v", callback, values)
	}
	return p.Complete(t.Context(), a, values)
}

func TestFacebookSignIn(t *testing.T) {
	f, p := facebookOf(t, nil)
	i, err := plainSignIn(t, f.Upstream, p, facebookAda.Subject)
	if err != nil {
		t.Fatal(err)
	}
	if i.Issuer != f.URL || i.Subject != facebookAda.Subject || i.Email != facebookAda.Email || i.Text("name") != "Ada Lovelace" ||
		i.Text("given_name") != "Ada" ||
		i.Text("family_name") != "Lovelace" || i.Text("picture") != facebookAda.Picture || i.Tokens.Access == "" {
		t.Errorf("got %+v", i)
	}
	if i.EmailVerified || i.Authoritative { // N07
		t.Error("an address of Facebook's counts as verified")
	}
	f.SetAccounts(federationtest.Account{Subject: facebookAda.Subject, Name: "Ada King", Email: "king@example.com"})
	if again, err := plainSignIn(t, f.Upstream, p, facebookAda.Subject); err != nil || again.Subject != i.Subject ||
		again.Email != "king@example.com" {
		t.Errorf("after a change of address: %+v, %v", again, err)
	}
}

func TestFacebookPersonWithoutAddress(t *testing.T) {
	f, p := facebookOf(t, nil)
	i, err := plainSignIn(t, f.Upstream, p, facebookEve.Subject)
	if err != nil || i.Email != "" || i.Subject != facebookEve.Subject || i.Claims["picture"] != nil {
		t.Fatalf("got %+v, %v", i, err)
	}
	_, declined := facebookOf(t, func(s *provider.Settings) {
		s.Issuer, s.Scopes = f.URL, []string{"public_profile"}
		s.ClientSecret = f.ClientSecret
	})
	if i, err := plainSignIn(t, f.Upstream, declined, facebookAda.Subject); err != nil || i.Email != "" {
		t.Errorf("without the scope: %+v, %v", i, err)
	}
}

func TestN07_EveryGraphCallProvesTheSecret(t *testing.T) {
	f, p := facebookOf(t, nil)
	if _, err := plainSignIn(t, f.Upstream, p, facebookAda.Subject); err != nil {
		t.Fatal(err)
	}
	calls := append(f.Requests("/v25.0/me"), f.Requests("/v25.0/debug_token")...)
	if len(calls) != 2 {
		t.Fatalf("%d calls", len(calls))
	}
	for _, c := range calls {
		if c.Query.Get("appsecret_proof") == "" || c.Query.Has("access_token") || c.Header.Get("Authorization") == "" {
			t.Errorf("%s: %v", c.Path, c.Query)
		}
	}
	token := f.Requests("/v25.0/oauth/access_token")
	if len(token) != 1 || token[0].Form.Get("code_verifier") == "" || token[0].Query.Has("client_secret") {
		t.Errorf("token request: %+v", token)
	}
}

func TestN07_TokenMustBeOursAndThePersons(t *testing.T) {
	for name, tt := range map[string]struct {
		debug, me func(map[string]any)
		want      error
	}{
		"another app":    {debug: func(d map[string]any) { d["app_id"] = "999" }, want: provider.ErrIdentity},
		"not valid":      {debug: func(d map[string]any) { d["is_valid"] = false }, want: provider.ErrIdentity},
		"expired":        {debug: func(d map[string]any) { d["expires_at"] = time.Now().Add(-time.Minute).Unix() }, want: provider.ErrIdentity},
		"never expires":  {debug: func(d map[string]any) { d["expires_at"] = 0 }},
		"a page's":       {debug: func(d map[string]any) { d["type"] = "PAGE" }, want: provider.ErrIdentity},
		"another person": {debug: func(d map[string]any) { d["user_id"] = facebookEve.Subject }, want: provider.ErrIdentity},
		"id of another":  {me: func(m map[string]any) { m["id"] = facebookEve.Subject }, want: provider.ErrIdentity},
		"nobody":         {me: func(m map[string]any) { delete(m, "id") }, want: provider.ErrIdentity},
		"nobody at all": {me: func(m map[string]any) { delete(m, "id") }, debug: func(d map[string]any) { delete(d, "user_id") },
			want: provider.ErrIdentity},
		"id is a number":  {me: func(m map[string]any) { m["id"] = 10150001 }, want: provider.ErrDown},
		"nothing told":    {debug: func(d map[string]any) { clear(d) }, want: provider.ErrIdentity},
		"as it should be": {},
	} {
		f, p := facebookOf(t, nil)
		f.TamperDebug(tt.debug)
		f.TamperMe(tt.me)
		if _, err := plainSignIn(t, f.Upstream, p, facebookAda.Subject); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestN03_FacebookRefusalsAndTrouble(t *testing.T) {
	f, p := facebookOf(t, nil)
	if _, err := plainSignIn(t, f.Upstream, p, ""); !errors.Is(err, provider.ErrDenied) {
		t.Errorf("cancelled: %v", err)
	}
	for name, tt := range map[string]struct {
		callback url.Values
		want     error
	}{
		"error":      {url.Values{"error": {"server_error"}, "error_description": {"<script>"}}, provider.ErrUpstream},
		"own error":  {url.Values{"error": {"<b>secret</b>"}}, provider.ErrUpstream},
		"no code":    {url.Values{}, provider.ErrUpstream},
		"wrong code": {url.Values{"code": {"AQx"}}, provider.ErrUpstream},
	} {
		_, err := p.Complete(t.Context(), plainAuthRequest(), tt.callback)
		if !errors.Is(err, tt.want) || strings.ContainsAny(err.Error(), "<>") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, trouble := range map[string]func(on bool){
		"down": func(on bool) { f.Down(on, "/v25.0/me") }, "500": func(on bool) { f.Fail(on, "/v25.0/debug_token") },
		"token down": func(on bool) { f.Fail(on, "/v25.0/oauth/access_token") },
		"slow": func(on bool) {
			if on {
				f.Slow(time.Minute, "/v25.0/me")
			} else {
				f.Slow(0)
			}
		},
	} {
		trouble(true)
		_, err := plainSignIn(t, f.Upstream, p, facebookAda.Subject)
		trouble(false)
		if !errors.Is(err, provider.ErrDown) || strings.Contains(err.Error(), "EAA") || strings.Contains(err.Error(), f.ClientSecret) ||
			strings.Contains(err.Error(), "secret-of") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, wrong := facebookOf(t, func(s *provider.Settings) { s.Issuer, s.ClientSecret = f.URL, "wrong" })
	if _, err := plainSignIn(t, f.Upstream, wrong, facebookAda.Subject); !errors.Is(err, provider.ErrUpstream) {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestFacebookRequest(t *testing.T) {
	p, err := provider.New(provider.Settings{Kind: provider.KindFacebook, ClientID: "1", ClientSecret: "s", GraphVersion: "v24.0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := plainAuthRequest()
	a.Fresh = true
	u, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme+"://"+u.Host+u.Path != "https://www.facebook.com/v24.0/dialog/oauth" || q.Get("state") != a.State ||
		q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != plainCallback || q.Get("scope") != "public_profile email" || q.Get("auth_type") != "reauthenticate" {
		t.Errorf("got %s", u)
	}
	if _, err := provider.New(provider.Settings{Kind: provider.KindFacebook, ClientID: "1"}, nil); err == nil {
		t.Error("no secret")
	}
}

func TestFacebookCodeIsTakenOnce(t *testing.T) {
	f, p := facebookOf(t, nil)
	a := plainAuthRequest()
	begin, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	_, values := f.Answer(t, begin, facebookAda.Subject)
	var wg sync.WaitGroup
	var fine atomic.Int32
	for range 8 {
		wg.Go(func() {
			if _, err := p.Complete(context.Background(), a, values); err == nil {
				fine.Add(1)
			}
		})
	}
	wg.Wait()
	if fine.Load() != 1 {
		t.Errorf("%d of 8 came through", fine.Load())
	}
}

func TestN08_SignedRequests(t *testing.T) {
	f, p := facebookOf(t, nil)
	reads := p.(provider.SignedRequestReader)
	at := func(d time.Duration) map[string]any { return map[string]any{"issued_at": time.Now().Add(d).Unix()} }
	got, err := reads.ReadSignedRequest(f.SignedRequest(t, "10150001", nil))
	if err != nil || got.Subject != "10150001" || time.Since(got.IssuedAt).Abs() > time.Minute {
		t.Fatalf("got %+v, %v", got, err)
	}
	fine := f.SignedRequest(t, "10150001", nil)
	signature, payload, _ := strings.Cut(fine, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(`{"algorithm":"HMAC-SHA256","issued_at":` + "9999999999" + `,"user_id":"2"}`))
	for name, raw := range map[string]string{
		"old": f.SignedRequest(t, "1", at(-11*time.Minute)), "of tomorrow": f.SignedRequest(t, "1", at(2*time.Minute)),
		"a member twice":     f.SignedRequest(t, "1", map[string]any{"user": json.RawMessage(`{"locale":"en","locale":"de"}`)}),
		"nobody":             f.SignedRequest(t, "", nil),
		"NUL":                f.SignedRequest(t, "1\x00", nil),
		"algorithm":          f.SignedRequest(t, "1", map[string]any{"algorithm": "none"}),
		"no algorithm":       f.SignedRequest(t, "1", map[string]any{"algorithm": nil}),
		"payload of another": signature + "." + other, "no signature": "." + payload, "empty": "", "one part": payload,
		"long":                        strings.Repeat("a", 9<<10) + "." + payload,
		"signature of another secret": federationtest.NewFacebook(t).SignedRequest(t, "10150001", nil),
		"signature cut":               signature[:10] + "." + payload,
	} {
		if got, err := reads.ReadSignedRequest(raw); !errors.Is(err, provider.ErrIdentity) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzSignedRequest(f *testing.F) {
	p, err := provider.New(provider.Settings{Kind: provider.KindFacebook, ClientID: "1", ClientSecret: "fuzzed"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.b")
	f.Add("." + base64.RawURLEncoding.EncodeToString([]byte(`{"algorithm":"HMAC-SHA256","user_id":"1"}`)))
	f.Fuzz(func(t *testing.T, raw string) {
		if got, err := p.(provider.SignedRequestReader).ReadSignedRequest(raw); err == nil {
			t.Errorf("%q was taken: %+v", raw, got)
		}
	})
}

func TestFacebookCheck(t *testing.T) {
	f, p := facebookOf(t, nil)
	bad := func(list []provider.Finding) (n int) {
		for _, x := range list {
			if !x.OK {
				n++
			}
		}
		return n
	}
	if list := p.Check(t.Context(), plainCallback); bad(list) != 0 || !strings.Contains(list[0].Text, plainCallback) {
		t.Errorf("got %v", list)
	}
	_, wrong := facebookOf(t, func(s *provider.Settings) { s.Issuer, s.ClientSecret = f.URL, "wrong" })
	if list := wrong.Check(t.Context(), plainCallback); bad(list) != 1 {
		t.Errorf("wrong secret: %v", list)
	}
	f.Down(true)
	if list := p.Check(t.Context(), plainCallback); bad(list) != 1 {
		t.Errorf("down: %v", list)
	}
}
