package pages

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// heaviestSignIn is what the page and all that it needs may weigh together, in bytes as they are sent.
const heaviestSignIn = 25 << 10

func TestTheSignInPageIsLight(t *testing.T) {
	base := serveSamples(t, samples())
	size := func(path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip, deflate, br")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		plain := strings.HasSuffix(path, ".css") && answer.Header.Get("Content-Encoding") != "gzip"
		if err != nil || answer.StatusCode != http.StatusOK || plain {
			t.Fatalf("%s: %d, %v, %v", path, answer.StatusCode, answer.Header, err)
		}
		return len(body)
	}
	for _, page := range []string{"sign_in", "sign_in_upstreams"} {
		body := render(t, newPages(t, Options{}), samples()[page], "/signin", "en").Body.String()
		sum := size("/page/" + page)
		dir := ""
		for _, link := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(body, -1) {
			if strings.Contains(body[:strings.Index(body, link[1])], link[1]) {
				continue
			}
			sum += size(link[1])
			dir = link[1][:strings.LastIndex(link[1], "/")+1]
		}
		sum += size(dir + "rosette.svg") // of the style sheet
		if sum > heaviestSignIn {
			t.Errorf("%s weighs %d bytes with all that it needs, at most %d", page, sum, heaviestSignIn)
		}
		t.Logf("%s: %d bytes", page, sum)
	}
}

func TestAcceptsGzip(t *testing.T) { // RFC 9110 section 12.5.3
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "GZIP": true, "gzip;q=x": false, "identity": false, "x-gzip": false,
		"deflate, gzip ; q=1.0": true,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("%q: %t, want %t", header, got, want)
		}
	}
}

// Nothing moves once it is shown (https://www.w3.org/TR/layout-instability section 2).
func TestNothingShifts(t *testing.T) {
	ctx := chromium(t)
	base := serveSamples(t, samples())
	for _, page := range []string{"sign_in", "sign_in_upstreams", "sign_up", "consent", "account", "apps", "passkeys"} {
		ctx := within(t, ctx)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(base+"/page/"+page)); err != nil {
			t.Fatal(err)
		}
		const script = `new Promise(done => { let sum = 0;
			new PerformanceObserver(list => list.getEntries().forEach(e => sum += e.value)).observe({type: "layout-shift", buffered: true});
			setTimeout(() => done(sum), 150); })`
		shift, err := chromedp.Run(ctx, chromedp.Evaluate[float64](script, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if shift > 0.01 {
			t.Errorf("%s: shifts by %.3f", page, shift)
		}
	}
}
