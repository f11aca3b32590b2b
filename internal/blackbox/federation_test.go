package blackbox

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signet/internal/mail/mailtest"
	"signet/users/federation/federationtest"
)

// upstreamWorld is a Signet that Google, Facebook and another Signet sign people in at.
type upstreamWorld struct {
	*server
	box      *mailtest.Box
	google   *federationtest.Google
	facebook *federationtest.Facebook
	op       *server // the other Signet
	ctx      context.Context
}

var (
	googleAda = federationtest.Account{Subject: "110169484474386276334", Email: "ada@gmail.com", EmailVerified: true, Name: "Ada Lovelace",
		GivenName: "Ada", FamilyName: "Lovelace"}
	googleGrace = federationtest.Account{Subject: "110169484474386276335", Email: "grace@gmail.com", EmailVerified: true, Name: "Grace Hopper"}
	googleJoan  = federationtest.Account{Subject: "110169484474386276336", Email: "joan@gmail.com", Name: "Joan Clarke"} // not verified
	facebookAda = federationtest.Account{Subject: "10150001", Email: "lovelace@example.com", Name: "Ada Lovelace"}
	facebookEve = federationtest.Account{Subject: "10150002", Name: "Eve"} // no address
)

// openUpstreams starts them all, and a browser.
func openUpstreams(t *testing.T) *upstreamWorld {
	t.Helper()
	w := &upstreamWorld{box: mailtest.Start(t), google: federationtest.NewGoogle(t, googleAda, googleGrace, googleJoan),
		facebook: federationtest.NewFacebook(t, facebookAda, facebookEve)}
	listen, opListen := freeAddress(t), freeAddress(t)
	issuer := "http://localhost:" + listen[strings.LastIndex(listen, ":")+1:]
	w.google.Register(issuer + "/signin/with/google/callback")
	w.facebook.Register(issuer + "/signin/with/facebook/callback")
	op := &site{t: t, dir: t.TempDir(), issuer: "http://" + opListen} // an address of its own: cookies know no ports
	op.config = filepath.Join(op.dir, "config.yaml")
	yaml := fmt.Sprintf("server: {listen: %q, internal_listen: '', issuer: %q}\nbranding: {name: Base}\nclients:\n"+
		"  - {client_id: signet, client_secret: %s, client_name: Signet, redirect_uris: [%q], post_logout_redirect_uris: [%q], grant_types: "+
		"[authorization_code],"+
		" token_endpoint_auth_method: client_secret_basic, scope: openid profile email}\n",
		opListen, op.issuer, secret, issuer+"/signin/with/base/callback", issuer+"/signin/with/signed-out")
	if err := os.WriteFile(op.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	w.op = op.start("")
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "config.yaml")
	yaml = fmt.Sprintf(
		"egress: {allow_hosts: [127.0.0.1]}\nmail: {sender: smtp, from: Signet <signet@id.example.com>, smtp: {host: %s, port: %d, tls: none}}\n"+
			"upstreams:\n  - {id: google, kind: google, issuer: %q, client_id: %s, client_secret: %s}\n"+
			"  - {id: facebook, kind: facebook, issuer: %q, client_id: %q, client_secret: %s}\n"+
			"  - {id: base, kind: oidc, name: Base, issuer: %q, client_id: signet, client_secret: %s, sign_out: true}\n",
		w.box.Host, w.box.Port, w.google.Issuer(), w.google.ClientID, w.google.ClientSecret,
		w.facebook.URL, w.facebook.ClientID, w.facebook.ClientSecret, op.issuer, secret)
	if err := os.WriteFile(s.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	w.server = s.start(listen)
	w.server.url = issuer
	w.ctx = chromium(t)
	return w
}

type acts = []chromedp.Action[chromedp.Void]

// join puts acts together.
func join(all ...acts) (list acts) {
	for _, a := range all {
		list = append(list, a...)
	}
	return list
}

func (w *upstreamWorld) open(path string) chromedp.Action[chromedp.Void] {
	return chromedp.Navigate(w.url + path)
}

// signOut signs out of Signet.
func (w *upstreamWorld) signOut() acts {
	return acts{w.open("/oauth2/logout"), chromedp.WaitVisible[string]("#logout-confirm"), chromedp.Click[string]("#logout-confirm"),
		chromedp.WaitNotPresent("#logout-confirm"), chromedp.WaitVisible[string]("main h1")}
}

// with presses an upstream's button on the sign-in page.
func (w *upstreamWorld) with(id string) acts {
	return acts{w.open("/signin"), chromedp.WaitVisible[string]("#with-" + id), chromedp.Click[string]("#with-" + id)}
}

// as answers at the upstream; "" refuses. Then the page has what.
func as(a federationtest.Account, what string) acts {
	button := fmt.Sprintf("button[name=account][value=%q]", a.Subject)
	if a.Subject == "" {
		button = "button[name=deny]"
	}
	return acts{chromedp.WaitVisible[string](button), chromedp.Click[string](button), chromedp.WaitVisible[string](what)}
}

// asked is the state of the newest request that came to an upstream.
func asked(u *federationtest.Upstream, path string) string {
	list := u.Requests(path)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].Query.Get("state")
}

const (
	googleAuth   = "/o/oauth2/v2/auth"
	facebookAuth = "/v25.0/dialog/oauth"
	notice       = ".notice.bad"
)

// callback opens the callback of an upstream with a state that is known when it runs.
func (w *upstreamWorld) callback(id string, state func() string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		return w.open("/signin/with/"+id+"/callback?"+url.Values{"state": {state()}, "code": {"x"}}.Encode())(ctx, target)
	}
}

// do is something that happens between two steps.
func do(f func()) chromedp.Action[chromedp.Void] {
	return func(context.Context, *chromedp.Target) (done chromedp.Void, err error) { f(); return done, nil }
}

// email opens the link of the newest email to an address.
func (w *upstreamWorld) email(t *testing.T, to, piece string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		for range 5 {
			m := w.box.Wait(t, to)
			if !strings.Contains(m.Text, piece) {
				continue
			}
			u, err := url.Parse(m.LinkWith(t, piece))
			if err != nil {
				return done, err
			}
			return w.open(u.RequestURI())(ctx, target)
		}
		return done, fmt.Errorf("no email to %s with %q", to, piece)
	}
}

// Ada comes to the demo app by Google and comes back, also when her address there has changed; she connects Facebook and takes
// it off again, but not her last way in.
func TestUpstreamsInTheBrowser(t *testing.T) {
	w := openUpstreams(t)
	click, wait := chromedp.Click[string], chromedp.WaitVisible[string]
	king := googleAda
	king.Email = "king@gmail.com"
	follow(t, w.ctx, w.server, []step{
		{"fed-signin", acts{w.open("/demo"), wait("main a.main"), click("main a.main"), wait("#with-google")}, "Sign in with Facebook"},
		{"fed-new", join(acts{click("#with-google")}, as(googleAda, "#newaccount-submit")), "Google has verified this address"},
		{"fed-consent", acts{click("#newaccount-submit"), wait("#consent-allow")}, "Demo app"},
		{"fed-demo", acts{click("#consent-allow"), chromedp.WaitNotPresent("#consent-allow"), wait("main h1")}, "token"},
		{"fed-logins", acts{w.open("/account/logins"), wait("#add-facebook")}, "ada@gmail.com"},
		{"fed-last", acts{click("button[name=login]"), wait(notice)}, "only way to sign in"},
		{"fed-linked", join(acts{click("#add-facebook")}, as(facebookAda, ".notice[role=status]")), "lovelace@example.com"},
		{"fed-activity", acts{w.open("/account/activity"), wait(".menu")}, "Sign-in at another service connected"},
		{"fed-by-facebook", join(w.signOut(), w.with("facebook"), as(facebookAda, ".menu")), "ada@gmail.com"},
		{"fed-changed", join(acts{do(func() {
			w.google.SetAccounts(king, googleGrace, googleJoan)
			w.google.Tamper(func(c map[string]any) { c["auth_time"] = time.Now().Unix() }) // only then is it a recent sign-in (rule V12)
		})}, w.signOut(), w.with("google"), as(king, ".menu"),
			acts{w.open("/account/logins"), wait("button[name=login]")}), "king@gmail.com"},
		{"fed-unlinked", acts{click("li:last-child button[name=login]"), wait(".notice[role=status]")}, "can no longer sign in"},
		{"fed-overview", acts{w.open("/account"), wait("#logins")}, "Connected sign-ins"},
	})
	if got := w.facebook.Requests("/v25.0/me"); len(got) == 0 {
		t.Error("Facebook was not asked")
	}
	for _, leak := range []string{"ada@gmail.com", "Lovelace", "ya29.", "EAA", w.google.ClientSecret, w.facebook.ClientSecret, "state="} {
		if strings.Contains(w.server.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}

// What goes wrong on the way ends on the sign-in page with a sentence, and signs nobody in.
func TestUpstreamTroubleInTheBrowser(t *testing.T) {
	w := openUpstreams(t)
	fail := func(change func(claims map[string]any)) acts {
		return join(acts{do(func() { w.google.Tamper(change) })}, w.with("google"), as(googleAda, notice),
			acts{do(func() { w.google.Tamper(nil) })})
	}
	follow(t, w.ctx, w.server, []step{
		{"fed-refused", join(w.with("google"), as(federationtest.Account{}, notice)), "Sign-in with Google was cancelled"},
		{"fed-facebook-refused", join(w.with("facebook"), as(federationtest.Account{}, notice)), "Sign-in with Facebook was cancelled"},
		{"fed-replayed",
			acts{w.callback("google", func() string { return asked(w.google.Upstream, googleAuth) }), chromedp.WaitVisible[string](notice)},
			"That sign-in has expired"},
		{"fed-wrong-state", acts{w.callback("google", func() string { return "wrong" }), chromedp.WaitVisible[string](notice)},
			"That sign-in has expired"},
		{"fed-swapped", join(w.with("facebook"), acts{chromedp.WaitVisible[string]("button[name=deny]"),
			w.callback("google", func() string { return asked(w.facebook.Upstream, facebookAuth) }), chromedp.WaitVisible[string](notice)}),
			"could not be verified"},
		{"fed-audience", fail(func(c map[string]any) { c["aud"] = "another" }), "could not be verified"},
		{"fed-expired", fail(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), "could not be verified"},
		{"fed-nonce", fail(func(c map[string]any) { c["nonce"] = "another" }), "could not be verified"},
		{"fed-token-down",
			join(acts{do(func() { w.google.Fail(true, "/token") })}, w.with("google"), as(googleAda, notice),
				acts{do(func() { w.google.Fail(false) })}), "Google is not responding"},
		{"fed-graph-down",
			join(acts{do(func() { w.facebook.Down(true, "/v25.0/me") })}, w.with("facebook"), as(facebookAda, notice),
				acts{do(func() { w.facebook.Down(false) })}), "Facebook is not responding"},
		{"fed-op-down", join(acts{do(w.op.kill)}, w.with("base"), acts{chromedp.WaitVisible[string](notice)}), "Base is not responding"},
		{"fed-nobody", acts{w.open("/account"), chromedp.WaitVisible[string]("#login-submit")}, "Sign in"},
	})
}

// Addresses: one that is missing, one that Google has not verified, and one that has an account here already.
func TestUpstreamAddressesInTheBrowser(t *testing.T) {
	w := openUpstreams(t)
	click, wait, type_ := chromedp.Click[string], chromedp.WaitVisible[string], chromedp.SendKeys[string]
	follow(t, w.ctx, w.server, []step{
		{"fed-no-address", join(w.with("facebook"), as(facebookEve, "#newaccount-submit"), acts{type_("#email", "eve@example.com")}),
			"send an email there"},
		{"fed-no-address-mailbox", acts{click("#newaccount-submit"), chromedp.WaitNotPresent("#newaccount-submit"), wait("main h1")},
			"Check your email"},
		{"fed-no-address-verify", acts{w.email(t, "eve@example.com", "/verify?t="), wait("#link-submit")}, "eve@example.com"},
		{"fed-no-address-done", acts{click("#link-submit"), wait(".menu")}, "Eve"},
		{"fed-unverified", join(w.signOut(), w.with("google"), as(googleJoan, "#newaccount-submit")), "send an email there"},
		{"fed-unverified-mailbox", acts{click("#newaccount-submit"), chromedp.WaitNotPresent("#newaccount-submit"), wait("main h1")},
			"Check your email"},
		{"fed-sign-up", acts{w.open("/signup"), wait("#signup-submit"), type_("#name", "Grace Hopper"), type_("#username", "grace@gmail.com"),
			type_("#password", password),
			click("#signup-submit"), chromedp.WaitNotPresent("#signup-submit"), w.email(t, "grace@gmail.com", "/verify?t="), wait("#link-submit"),
			click("#link-submit"), wait(".menu")}, "grace@gmail.com"},
		{"fed-connect-first", join(w.signOut(), w.with("google"), as(googleGrace, "#connect-signin")), "Nothing is connected yet"},
		{"fed-connect", acts{click("#connect-signin"), wait("#login-submit"), type_("#username", "grace@gmail.com"),
			type_("#password", password), click("#login-submit"), wait("#connect-yes")}, "Connect Google?"},
		{"fed-connected", acts{click("#connect-yes"), wait(".notice[role=status]")}, "You can sign in with it now"},
		{"fed-connected-used", join(w.signOut(), w.with("google"), as(googleGrace, ".menu")), "grace@gmail.com"},
	})
}

// Another Signet is the upstream: Ada signs up there, comes in here, and signing out here signs out there.
func TestSignetSignsInAtSignet(t *testing.T) {
	w := openUpstreams(t)
	click, wait, type_ := chromedp.Click[string], chromedp.WaitVisible[string], chromedp.SendKeys[string]
	there := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(w.op.url + path) }
	follow(t, w.ctx, w.server, []step{
		{"op-sign-up", join(w.with("base"),
			acts{chromedp.WaitNotPresent("#with-base"), wait("#login-submit"), click(`a[href*="/signup"]`), wait("#signup-submit"),
				type_("#name", "Ada Lovelace"),
				type_("#username", "ada@base.example"), type_("#password", password), click("#signup-submit"), wait("#consent-allow")}), "Signet"},
		{"op-new", acts{click("#consent-allow"), wait("#newaccount-submit")}, "what Base told us about you"},
		{"op-mailbox", acts{click("#newaccount-submit"), chromedp.WaitNotPresent("#newaccount-submit"), wait("main h1")}, "Check your email"},
		{"op-done", acts{w.email(t, "ada@base.example", "/verify?t="), wait("#link-submit"), click("#link-submit"), wait(".menu")},
			"Ada Lovelace"},
		{"op-there", acts{there("/account"), wait(".menu")}, "Ada Lovelace"},
		{"op-out", w.signOut(), "signed out"},
		{"op-out-there", acts{there("/account"), wait("#login-submit")}, "Sign in"},
		{"op-again", join(w.with("base"),
			acts{chromedp.WaitNotPresent("#with-base"), wait("#login-submit"), type_("#username", "ada@base.example"),
				type_("#password", password), click("#login-submit"), wait(".menu")}), "ada@base.example"},
	})
}

// Rule B07: what Facebook puts behind the callback's address does not reach the app.
func TestB07_TheFragmentOfAnUpstreamStopsHere(t *testing.T) {
	w := openUpstreams(t)
	click, wait := chromedp.Click[string], chromedp.WaitVisible[string]
	toApp := acts{w.open("/demo"), wait("main a.main"), click("main a.main"), wait("#with-facebook"), click("#with-facebook")}
	follow(t, w.ctx, w.server, []step{
		{"fragment-new", join(toApp, as(facebookAda, "#newaccount-submit")), "Facebook"},
		{"fragment-mailed", acts{click("#newaccount-submit"), chromedp.WaitNotPresent("#newaccount-submit"), wait("main h1")},
			"lovelace@example.com"},
		{"fragment-verified",
			acts{w.email(t, facebookAda.Email, "/verify?t="), wait("#link-submit"), click("#link-submit"), wait("#consent-allow")}, "Demo app"},
		{"fragment-demo", acts{click("#consent-allow"), chromedp.WaitNotPresent("#consent-allow"), wait("main h1")}, "token"},
		{"fragment-back", join(w.signOut(), toApp, as(facebookAda, "main h1"), acts{chromedp.WaitNotPresent("button[name=account]")}), "token"},
	})
	at, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("location.href"))
	if err != nil || !strings.Contains(at, "/demo") || strings.Contains(at, "_=_") {
		t.Errorf("the app is at %s (%v)", at, err)
	}
}
