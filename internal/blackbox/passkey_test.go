package blackbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// pocket holds the authenticators of a browser.
type pocket struct{ id webauthn.AuthenticatorID }

// device puts a new authenticator in the place of the one before.
func (k *pocket) device(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
	if k.id != "" {
		if _, err := cdp.Call(ctx, target, webauthn.RemoveVirtualAuthenticator,
			webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id}); err != nil {
			return done, err
		}
	} else if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return done, err
	}
	made, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator,
		webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport:      webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
	if err == nil {
		k.id = made.AuthenticatorID
	}
	return done, err
}

// touch reports whether somebody is there to touch it.
func (k *pocket) touch(there bool) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		_, err = cdp.Call(ctx, target, webauthn.SetAutomaticPresenceSimulation,
			webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: k.id, Enabled: there})
		return done, err
	}
}

// step is what is done to a page, and what is then on it.
type step struct {
	name string
	do   []chromedp.Action[chromedp.Void]
	want string
}

func follow(t *testing.T, ctx context.Context, p *server, steps []step) {
	t.Helper()
	for _, s := range steps {
		stepCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		err := chromedp.Do(stepCtx, s.do...)
		text, _ := chromedp.Run(stepCtx, chromedp.TextContent("main"))
		cancel()
		if err != nil || !strings.Contains(text, s.want) {
			here, _ := chromedp.Run(ctx, chromedp.Location())
			t.Fatalf("%s: %v at %s, want %q:\n%s\n%s", s.name, err, here, s.want, text, p.out)
		}
		look(t, ctx, s.name)
	}
}

// Joan has a password, is offered a passkey when she signs in, and signs in with it the next time.
func TestPasskeyOfferInTheBrowser(t *testing.T) {
	p := localTrial(t)
	ctx := chromium(t)
	const joan = "joan.passkey@example.com"
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	var keys pocket
	out := actions{open("/oauth2/logout"), wait("#logout-confirm"), click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"),
		wait("main h1")}
	follow(t, ctx, p, []step{
		{"offer-signup",
			actions{keys.device, open("/signup"), wait("#signup-submit"), type_("#name", "Joan Clarke"), type_("#username", joan),
				type_("#password", password), click("#signup-submit"), wait(".menu")}, joan},
		{"offer-page", append(append(actions{}, out...), open("/signin"), wait("#login-passkey"), type_("#username", joan),
			type_("#password", password), chromedp.WaitReady(`input[name=passkeys][value=yes]`),
			click("#login-submit"), wait("#offer-add")), "Sign in faster next time"},
		{"offer-taken", actions{click("#offer-add"), wait(".menu")}, "1 passkey"},
		{"offer-used", append(append(actions{}, out...), open("/signin"), wait(".menu")), joan},
	})
}

// Ada signs up with a passkey and has no password; she signs in by the button and by the browser's suggestions, has a second
// passkey, renames and removes. Grace has a password and, where two factors are wanted, shows her passkey after it.
func TestPasskeysInTheBrowser(t *testing.T) {
	s := &site{t: t, dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "config.yaml")
	if err := os.WriteFile(s.config, []byte("factors:\n  required: administrators\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start(freeAddress(t))
	p.url = strings.Replace(p.url, "127.0.0.1", "localhost", 1)
	ctx := chromium(t)
	const ada, grace = "ada.passkey@example.com", "grace.passkey@example.com"
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	var keys pocket
	admin := func(email string) chromedp.Action[chromedp.Void] { // who must show two
		return func(context.Context, *chromedp.Target) (done chromedp.Void, err error) {
			s.cli(nil, "role", "create", "admin")
			s.cli(nil, "role", "give", "admin", email)
			return done, nil
		}
	}
	out := actions{open("/oauth2/logout"), wait("#logout-confirm"), click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"),
		wait("main h1")}
	steps := []step{
		{"passkey-signup",
			actions{keys.device, open("/signup"), wait("#signup-passkey"), type_("#name", "Ada Lovelace"), type_("#username", ada)},
			"Create account with a passkey"},
		{"passkey-signed-up", actions{click("#signup-passkey"), wait(".menu")}, ada},
		{"passkey-page", actions{click(`.menu a[href$="/account/passkeys"]`), wait("#passkey-add")}, "This device only"},
		{"passkey-renamed",
			actions{click("summary"), wait(".rows input[name=name]"), chromedp.SetValue(".rows input[name=name]", "Blue key"),
				click(".rows details button"), wait(".notice[role=status]")}, "Blue key"},
		{"passkey-last", actions{click(`form[action$="/remove"] button`), wait(".notice.bad")}, "only way to sign in"},
		{"passkey-signin", append(append(actions{}, out...), keys.touch(false), open("/signin"), wait("#login-passkey")),
			"Sign in with a passkey"},
		{"passkey-button", actions{click("#login-passkey"), keys.touch(true), wait(".menu")}, ada},
		{"passkey-autofill", append(append(actions{}, out...), open("/signin"), wait(".menu")), ada},
		{"passkey-second",
			actions{keys.device, open("/account/passkeys"), wait("#passkey-add"), type_("#passkey-name", "Work laptop"), click("#passkey-add"),
				wait(".notice[role=status]")}, "Work laptop"},
		{"passkey-removed", actions{click(`form[action$="/remove"] button`), wait(".rows li:only-child")}, "The passkey has been removed"},
		{"passkey-out", out, "signed out"},
		{"passkey-grace",
			actions{keys.device, open("/signup"), wait("#signup-submit"), type_("#name", "Grace Hopper"), type_("#username", grace),
				type_("#password", password), click("#signup-submit"), wait(".menu")}, grace},
		{"passkey-added", actions{open("/account/passkeys"), wait("#passkey-add"), click("#passkey-add"), wait(".notice[role=status]")},
			"Your passkey is ready"},
		{"passkey-factor",
			append(append(actions{admin(grace)}, out...), keys.touch(false), open("/signin"), wait("#login-passkey"), type_("#username", grace),
				type_("#password", password), click("#login-submit"), wait("#factor-passkey")), "Use your passkey"},
		{"passkey-factor-done", actions{click("#factor-passkey"), keys.touch(true), wait(".menu")}, grace},
	}
	follow(t, ctx, p, steps)
	for _, leak := range []string{password, ada, grace, "Lovelace", "Blue key"} {
		if strings.Contains(p.out.String(), leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}

// withoutHelpers makes the browser one without the JSON helpers of Web Authentication, and its answers those of a password manager whose
// toJSON does not work. What is signalled is noted in localStorage.
const withoutHelpers = `(function () {
  delete PublicKeyCredential.parseCreationOptionsFromJSON;
  delete PublicKeyCredential.parseRequestOptionsFromJSON;
  PublicKeyCredential.prototype.toJSON = function () { throw new TypeError("Illegal invocation"); };
  PublicKeyCredential.signalUnknownCredential = function (what) {
    localStorage.setItem("signalled", JSON.stringify(what));
    return Promise.resolve();
  };
})();`

// In a browser without the helpers people sign up, sign in and hear of a passkey that is gone, which the browser then forgets.
func TestPasskeysWithoutTheJSONHelpers(t *testing.T) {
	p := localTrial(t)
	ctx := chromium(t)
	const mary = "mary.passkey@example.com"
	type actions = []chromedp.Action[chromedp.Void]
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]
	open := func(path string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(p.url + path) }
	old := func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		_, err = cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: withoutHelpers})
		return done, err
	}
	var keys pocket
	out := actions{open("/oauth2/logout"), wait("#logout-confirm"), click("#logout-confirm"), chromedp.WaitNotPresent("#logout-confirm"),
		wait("main h1")}
	follow(t, ctx, p, []step{
		{"helpers-signup",
			actions{old, keys.device, open("/signup"), wait("#signup-passkey"), type_("#name", "Mary Somerville"), type_("#username", mary),
				click("#signup-passkey"), wait(".menu")}, mary},
		{"helpers-signin",
			append(append(actions{}, out...), keys.touch(false), open("/signin"), wait("#login-passkey"), click("#login-passkey"),
				keys.touch(true), wait(".menu")), mary},
	})
}
