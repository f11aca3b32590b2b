package pages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signet/server/web"
)

func TestSigningOutTellsAppsAndGoesOnByItself(t *testing.T) { // OpenID Connect Front-Channel Logout 1.0 section 3; B01
	ctx := chromium(t)
	want := []string{"/out?sid=1 ", "/out?sid=2 ", "/bye "}
	for name, slow := range map[string]bool{"all load": false, "one never answers": true} {
		t.Run(name, func(t *testing.T) {
			// The page waits for three seconds at most: on a machine that is busy it may go on before the second frame was asked for.
			got, took := signOut(t, ctx, slow)
			for tries := 1; tries < 10 && slices.Index(got, "/bye ") < 2; tries++ {
				got, took = signOut(t, ctx, slow)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the apps got %q", got)
			}
			if slow && took < 2*time.Second {
				t.Errorf("went on after %s", took)
			}
		})
	}
}

// signOut shows the page with two frames; it gives what was asked for, the frames in their order, and how long that took.
func signOut(t *testing.T, ctx context.Context, slow bool) (got []string, took time.Duration) {
	t.Helper()
	asked, stop := make(chan string, 8), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			return
		}
		asked <- r.URL.RequestURI() + " " + r.Header.Get("Referer")
		if slow && r.URL.Query().Get("sid") == "2" {
			<-stop
		}
		_, _ = w.Write([]byte("<script>top.location = '/gone'</script>welcome")) // frames go nowhere but where they are
	}))
	t.Cleanup(func() { close(stop); app.CloseClientConnections(); app.Close() })
	base := serveSamples(t,
		map[string]Page{"go": SigningOut{Frames: []string{app.URL + "/out?sid=1", app.URL + "/out?sid=2"}, NextURL: app.URL + "/bye"}})
	start := time.Now()
	// Nobody waits for a page that leaves, and it leaves when the question is answered.
	ask[string](t, within(t, ctx), "setTimeout(function () { location.href = '"+base+"/page/go' }, 0), ''")
	for range 3 {
		select {
		case uri := <-asked:
			got = append(got, uri)
		case <-time.After(2 * time.Minute):
			t.Fatalf("the apps got %q", got)
		}
	}
	took = time.Since(start)
	slices.Sort(got[:2])
	return got, took
}

func TestCheckSessionAnswersWhatItComputes(t *testing.T) { // OpenID Connect Session Management 1.0 section 3; FIPS 180-4
	ctx := chromium(t)
	p := newPages(t, Options{})
	var handler http.Handler
	op := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(func() { op.CloseClientConnections(); op.Close() })
	issuer, err := url.Parse(op.URL)
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: p.Error})
	p.Mount(mux)
	mux.FramedPage("GET /check", func(w http.ResponseWriter, r *http.Request) error {
		web.AllowAnyFrame(w)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if value := r.URL.Query().Get("state"); value != "" {
			http.SetCookie(w, &http.Cookie{Name: "st", Value: value, Path: "/"})
		}
		_, err := io.WriteString(w, p.CheckSession("st"))
		return err
	})
	handler = mux.Handler()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<iframe id="op" src="%s/check?state=%s"></iframe><script>
			var waiting = [], foreign = 0;
			addEventListener("message", function (e) { if (e.origin === %q) waiting.shift()(e.data); else foreign++; });
			function tell(m) {
				return new Promise(function (done) { waiting.push(done); document.getElementById("op").contentWindow.postMessage(m, "*"); });
			}
			</script>`, op.URL, r.URL.Query().Get("state"), op.URL)
	}))
	t.Cleanup(func() { app.CloseClientConnections(); app.Close() })
	if err := chromedp.Do(within(t, ctx), chromedp.Navigate(app.URL+"/?state=browser-1")); err != nil {
		t.Fatal(err)
	}
	state := func(client, origin, browser, salt string) string {
		sum := sha256.Sum256([]byte(client + " " + origin + " " + browser + " " + salt))
		return client + " " + hex.EncodeToString(sum[:]) + "." + salt
	}
	type call struct{ message, want string }
	calls := []call{
		{`"shop"`, "error"}, {`""`, "error"}, {`"shop "`, "error"}, {`" a.b"`, "error"}, {`"shop ab"`, "error"}, {`"shop a."`, "error"},
		{`"shop .a"`, "error"},
		{`null`, "error"}, {`{}`, "error"}, {`42`, "error"}, {`["shop a.b"]`, "error"},
		{`"shop \ud800 a.b"`, "error"}, {`"shop a.b" + new Array(5000).join("x")`, "error"},
		{`"shop a.b"`, "changed"},
	}
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for n := range 130 { // each length of the last block
		client := strings.Repeat("c", n) + "lient é€😀 with space"
		calls = append(calls, call{quoted(state(client, app.URL, "browser-1", "salt")), "unchanged"})
	}
	calls = append(calls,
		call{quoted(state("shop", app.URL, "browser-2", "salt")), "changed"},
		call{quoted(state("shop", "https://evil.example", "browser-1", "salt")), "changed"}) // whatever the message says
	evaluate := func(script string) string {
		t.Helper()
		v, err := chromedp.Run(within(t, ctx), chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return v
	}
	for _, c := range calls {
		if got := evaluate("tell(" + c.message + ")"); got != c.want {
			t.Errorf("%s: %s, want %s", c.message, got, c.want)
		}
	}
	// A flood of messages is answered, each for itself, and the frame works afterwards.
	right := quoted(state("shop", app.URL, "browser-1", "s"))
	flood := `Promise.all(Array.from({length: 5000}, function (_, i) {
		return tell(i % 2 ? "noise " + i + ".x" : "x");
	})).then(function (all) {
		return tell(` + right + `).then(function (last) { return all.length + last; });
	})`
	if got := evaluate(flood); got != "5000unchanged" {
		t.Errorf("after a flood: %s", got)
	}
}
