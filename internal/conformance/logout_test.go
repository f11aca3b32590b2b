package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"signet/server/servertest"
)

const after = "https://rp.example/bye"

// logouts is what the profiles of sign-out ask, by profile and module.
var logouts = map[string]func(p *provider){
	"RP-Initiated/oidcc-rp-initiated-logout":          func(p *provider) { leaves(p, "state", "s & t") },
	"RP-Initiated/oidcc-rp-initiated-logout-no-state": func(p *provider) { leaves(p) },
	"RP-Initiated/oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": func(p *provider) {
		stays(p, true, "post_logout_redirect_uri", after+"/other")
	},
	"RP-Initiated/oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": func(p *provider) {
		stays(p, true, "post_logout_redirect_uri", after+"?a=b")
	},
	"RP-Initiated/oidcc-rp-initiated-logout-no-id-token-hint": func(p *provider) { stays(p, false, "post_logout_redirect_uri", after) },
	"RP-Initiated/oidcc-rp-initiated-logout-modified-id-token-hint": func(p *provider) {
		badHint(p, func(head, payload, _ string) string { return "eyJhbGciOiJub25lIn0." + payload + "." })
	},
	"RP-Initiated/oidcc-rp-initiated-logout-bad-id-token-hint": func(p *provider) {
		badHint(p, func(head, payload, signature string) string {
			return head + "." + payload + "." + strings.Repeat("A", len(signature))
		})
	},
	"RP-Initiated/oidcc-rp-initiated-logout-no-params":                   func(p *provider) { stays(p, false) },
	"RP-Initiated/oidcc-rp-initiated-logout-only-state":                  func(p *provider) { stays(p, false, "state", "s") },
	"RP-Initiated/oidcc-rp-initiated-logout-no-post-logout-redirect-uri": func(p *provider) { stays(p, true) },
	"RP-Initiated/oidcc-rp-initiated-logout-discovery-endpoint-verification": func(p *provider) {
		p.at("end_session_endpoint")
	},
	"Session Management/oidcc-session-management-rp-initiated-logout":             watched,
	"Session Management/oidcc-session-management-discovery-endpoint-verification": func(p *provider) { p.at("check_session_iframe") },
	"Front-Channel/oidcc-frontchannel-rp-initiated-logout":                        frontChannel,
	"Front-Channel/oidcc-frontchannel-logout-discovery-endpoint-verification": func(p *provider) {
		p.supports("frontchannel_logout_supported", "frontchannel_logout_session_supported")
	},
	"Back-Channel/oidcc-backchannel-rp-initiated-logout": backChannel,
	"Back-Channel/oidcc-backchannel-logout-discovery-endpoint-verification": func(p *provider) {
		p.supports("backchannel_logout_supported", "backchannel_logout_session_supported")
	},
}

// supports wants members of discovery to be true.
func (p *provider) supports(names ...string) {
	p.Helper()
	for _, name := range append(names, "end_session_endpoint") {
		if value := p.meta[name]; value != true && value != p.URL+"/oauth2/logout" {
			p.Errorf("%s is %v", name, value)
		}
	}
}

func TestLogout(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		whole := newProvider(t, engine)
		for name, run := range logouts {
			t.Run(name, func(t *testing.T) {
				p := *whole
				p.T = t
				run(&p)
			})
		}
	})
}

// leaver is an app with somebody signed in, and what it may send.
func (p *provider) leaver(more document) (a *app, b *servertest.Browser, hint string) {
	p.Helper()
	told := document{"post_logout_redirect_uris": []string{after}}
	maps.Copy(told, more)
	a, b = p.register("code", "", told), p.Browser(p.T)
	_, hint = a.tokens(a.in(b))
	return a, b, hint
}

// leave asks for the sign-out, and says yes if the person is asked.
func (p *provider) leave(b *servertest.Browser, pairs ...string) {
	p.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	if b.Get(p.T, p.at("end_session_endpoint")+"?"+q.Encode()); b.Has("logout-confirm") {
		b.Submit(p.T, "logout-confirm", nil)
	}
}

// gone: there is no session any more.
func gone(a *app, b *servertest.Browser) {
	a.Helper()
	a.begin(b, "prompt", "none")
	a.refused(b, "login_required")
}

// leaves: back to the app with the state and nothing else.
func leaves(p *provider, pairs ...string) {
	a, b, hint := p.leaver(nil)
	p.leave(b, append([]string{"id_token_hint", hint, "post_logout_redirect_uri", after}, pairs...)...)
	want := after
	if len(pairs) > 0 {
		want += "?" + url.Values{pairs[0]: {pairs[1]}}.Encode()
	}
	if b.Landed == nil || b.Landed.String() != want {
		p.Fatalf("landed at %v, want %s", b.Landed, want)
	}
	gone(a, b)
}

// stays: never back to the app; a page of the provider's says what happened.
func stays(p *provider, hinted bool, pairs ...string) {
	a, b, hint := p.leaver(nil)
	if hinted {
		pairs = append(pairs, "id_token_hint", hint)
	}
	p.leave(b, pairs...)
	if b.Landed != nil {
		p.Fatalf("landed at %s", b.Landed)
	}
	if b.Status == http.StatusOK {
		if !strings.Contains(b.Text("main"), "signed out") {
			p.Errorf("the page says %s", b.Text("main"))
		}
		gone(a, b)
	}
}

// badHint: one that nobody signed, or somebody else did, sends nobody anywhere.
func badHint(p *provider, changed func(head, payload, signature string) string) {
	_, b, hint := p.leaver(nil)
	parts := strings.Split(hint, ".")
	if p.leave(b, "id_token_hint", changed(parts[0], parts[1], parts[2]), "post_logout_redirect_uri", after); b.Landed != nil {
		p.Errorf("landed at %s", b.Landed)
	}
}

// watched: session_state is what the frame computes, and another one after sign-out.
func watched(p *provider) {
	p = newProvider(p.T, p.engine, servertest.HandlerOnly()) // by https: browsers give the cookie to no other page
	a, b, hint := p.leaver(nil)
	cookie := func() string {
		for _, c := range b.Cookies() {
			if strings.HasSuffix(c.Name, "signet_state") {
				return c.Value
			}
		}
		return ""
	}
	is := func(state, browser string) bool {
		sum, salt, _ := strings.Cut(state, ".")
		want := sha256.Sum256([]byte(a.said("client_id") + " https://rp.example " + browser + " " + salt))
		return sum == hex.EncodeToString(want[:])
	}
	state := a.in(b).Get("session_state")
	if !is(state, cookie()) {
		p.Errorf("session_state %q", state)
	}
	frame := p.Browser(p.T).Get(p.T, p.at("check_session_iframe"))
	if frame.Status != http.StatusOK || frame.Header.Get("X-Frame-Options") != "" ||
		!strings.Contains(frame.Header.Get("Content-Security-Policy"), "frame-ancestors *") {
		p.Errorf("the frame: %d %v", frame.Status, frame.Header)
	}
	if p.leave(b, "id_token_hint", hint, "post_logout_redirect_uri", after); is(state, cookie()) {
		p.Error("unchanged after sign-out")
	}
}

func frontChannel(p *provider) {
	a, b, hint := p.leaver(document{"frontchannel_logout_uri": "https://rp.example/out?a=b", "frontchannel_logout_session_required": true})
	sid, _ := a.claims(hint)["sid"].(string)
	p.leave(b, "id_token_hint", hint, "post_logout_redirect_uri", after, "state", "s")
	want := "https://rp.example/out?a=b&amp;" + strings.ReplaceAll(url.Values{"iss": {p.URL}, "sid": {sid}}.Encode(), "&", "&amp;")
	if sid == "" || !strings.Contains(b.Body, `<iframe`) || !strings.Contains(b.Body, want) || !strings.Contains(b.Body, after+"?state=s") {
		p.Errorf("no frame for %s: %s", want, b.Body)
	}
	gone(a, b)
}

func backChannel(p *provider) {
	a, b, hint := p.leaver(document{"backchannel_logout_uri": p.site.URL + "/out", "backchannel_logout_session_required": true})
	who := a.claims(hint)
	p.leave(b, "id_token_hint", hint, "post_logout_redirect_uri", after)
	if b.Landed == nil || !strings.HasPrefix(b.Landed.String(), after) {
		p.Errorf("landed at %v", b.Landed)
	}
	var r *http.Request
	select {
	case r = <-p.site.told:
	case <-time.After(2 * time.Minute):
		p.Fatal("the app was not told")
	}
	if len(r.PostForm) != 1 || r.URL.RawQuery != "" || r.TLS == nil || r.TLS.Version < 0x0304 {
		p.Errorf("%v by TLS %v", r.PostForm, r.TLS)
	}
	token := r.PostForm.Get("logout_token")
	c := a.claims(token)
	raw, err := json.Marshal(c["events"])
	if err != nil {
		p.Fatal(err)
	}
	if string(raw) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` || c["nonce"] != nil || c["sub"] != who["sub"] ||
		c["sid"] != who["sid"] || c["jti"] == nil || c["iat"] == nil {
		p.Errorf("%v", c)
	}
	object, err := jwt.ParseSigned(token, algs)
	if err != nil || object.Headers[0].Algorithm != "RS256" {
		p.Errorf("%v", err)
	}
	gone(a, b)
}
