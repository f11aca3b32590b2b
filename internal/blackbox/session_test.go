package blackbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// watcher is an app's page with the frame in it; ask sends messages to the frame, all at once, and gives its answers in their order.
const watcher = `<!doctype html><title>app</title><body><script>
var frame = document.createElement("iframe");
var ready = new Promise(function (done) { frame.onload = done; });
frame.src = "FRAME";
document.body.appendChild(frame);
function ask(messages) {
  return ready.then(function () { return new Promise(function (done) {
    var got = [], origin = new URL(frame.src).origin;
    function hear(e) {
      if (e.source !== frame.contentWindow || e.origin !== origin) return;
      got.push(e.data);
      if (got.length === messages.length) { window.removeEventListener("message", hear); done(got); }
    }
    window.addEventListener("message", hear);
    messages.forEach(function (m) { frame.contentWindow.postMessage(m, origin); });
  }); });
}
</script>`

// evaluated is what a script says on a page.
func evaluated[T any](ctx context.Context, at, script string) (value T, err error) {
	if err = chromedp.Do(ctx, chromedp.Navigate(at)); err != nil {
		return value, err
	}
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// The frame computes what the server does, whatever the texts, believes no message, and a flood of them leaves nothing behind
// (OpenID Connect Session Management 1.0 sections 3.2 and 3.3, FIPS 180-4).
func TestSessionFrameInTheBrowser(t *testing.T) {
	s := newSiteWith(t, "", "sessions: {check_iframe: true}\n")
	s.start("")
	ctx := chromium(t)
	frame := s.issuer + "/oauth2/check-session"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, strings.ReplaceAll(watcher, "FRAME", frame))
	}))
	defer app.Close()
	origin := strings.Replace(app.URL, "127.0.0.1", "localhost", 1) // of one site with the server, of another origin
	const browser = "the-state-of-this-brow"
	name, err := evaluated[string](ctx, frame, `(function () {
		var name = document.getElementById("check-session").getAttribute("data-cookie");
		document.cookie = name + "=`+browser+`; path=/; SameSite=None; Secure";
		return document.cookie.indexOf(name + "=") < 0 ? "" : name; })()`)
	if err != nil || name == "" {
		t.Fatalf("the cookie: %q, %v", name, err)
	}
	ask := func(messages []any) (got []string) {
		t.Helper()
		text, err := json.Marshal(messages)
		if err != nil {
			t.Fatal(err)
		}
		if got, err = evaluated[[]string](ctx, origin, "ask("+string(text)+")"); err != nil {
			t.Fatal(err)
		}
		return got
	}
	state := func(client, from, salt string) string {
		sum := sha256.Sum256([]byte(client + " " + from + " " + browser + " " + salt))
		return client + " " + hex.EncodeToString(sum[:]) + "." + salt
	}
	var messages []any
	var want []string
	add := func(message any, answer string) { messages, want = append(messages, message), append(want, answer) }
	for n := range 140 { // over the borders of one and of two blocks
		add(state(strings.Repeat("a", n+1), origin, "salt"), "unchanged")
	}
	for _, client := range []string{"shop", "https://app.example/client?a=b", "two words", "ünïcode-客户-😀"} {
		add(state(client, origin, "s.a.l.t"), "changed") // no salt of ours has a point
		add(state(client, origin, "salt"), "unchanged")
		add(state(client, "https://evil.example", "salt"), "changed") // an origin in the message counts for nothing
		add(strings.Replace(state(client, origin, "salt"), ".salt", ".salz", 1), "changed")
	}
	for _, odd := range []any{"", " ", "shop", "shop ", " x.y", "shop .salt", "shop x.", "shop x", nil, 1, true, []string{"shop", "x.y"},
		map[string]string{"toString": "x"}, strings.Repeat("x", 5000) + " x.y"} {
		add(odd, "error")
	}
	for i, got := range ask(messages) {
		if got != want[i] {
			t.Errorf("%.80v: %s, want %s", messages[i], got, want[i])
		}
	}
	flood := make([]any, 0, 20_001)
	for range 20_000 {
		flood = append(flood, "shop x.y")
	}
	if got := ask(append(flood, state("shop", origin, "salt"))); len(got) != 20_001 || got[0] != "changed" || got[20_000] != "unchanged" {
		t.Errorf("after a flood: %d answers, the last %q", len(got), got[len(got)-1])
	}
	left, err := evaluated[string](ctx, frame, `document.cookie + " " + localStorage.length + " " + sessionStorage.length`)
	if err != nil || left != name+"="+browser+" 0 0" {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
