package federationtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/users/federation/federationtest"
)

var ada = federationtest.Account{Subject: "1", Name: "Ada <Lovelace>", Email: "ada@example.com"}

func TestUpstreamAsksAndSendsBack(t *testing.T) {
	for _, post := range []bool{false, true} {
		var u *federationtest.Upstream
		u = federationtest.NewUpstream(t, "Somebody", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			account, denied, answered := u.Choose(w, r)
			switch {
			case !answered:
			case denied:
				u.SendBack(w, r, "https://app.test/cb", url.Values{"error": {"access_denied"}}, post)
			default:
				u.SendBack(w, r, "https://app.test/cb", url.Values{"code": {account.Subject + `"&<`}}, post)
			}
		}), ada)
		begin, _ := url.Parse(u.URL + "/auth?state=x%22")
		if callback, values := u.Answer(t, begin, "1"); callback != "https://app.test/cb" || values.Get("code") != `1"&<` {
			t.Errorf("got %s %v", callback, values)
		}
		if _, values := u.Answer(t, begin, ""); values.Get("error") != "access_denied" {
			t.Errorf("got %v", values)
		}
		res, err := (&http.Client{Timeout: time.Minute}).Get(begin.String())
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		for _, part := range []string{`<button name="account" value="1">Continue as Ada &lt;Lovelace&gt;</button>`,
			`<button name="deny" value="1">Cancel</button>`, `action="/auth?state=x%22"`} {
			if !strings.Contains(string(page), part) {
				t.Errorf("no %s in\n%s", part, page)
			}
		}
		if got := u.Requests("/auth"); len(got) != 3 || got[0].Form.Get("account") != "1" || got[0].Query.Get("state") != `x"` ||
			len(u.Requests("/else")) != 0 {
			t.Errorf("got %v", got)
		}
	}
}

func TestUpstreamInTrouble(t *testing.T) {
	u := federationtest.NewUpstream(t, "Somebody", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	client := &http.Client{Timeout: time.Minute}
	ask := func(path string) string {
		res, err := client.Get(u.URL + path)
		if err != nil {
			return "error"
		}
		defer res.Body.Close()
		return res.Status
	}
	if got := ask("/"); got != "200 OK" {
		t.Fatal(got)
	}
	u.Down(true, "/a")
	u.Fail(true, "/b")
	if a, b, c := ask("/a"), ask("/b"), ask("/c"); a != "error" || b != "500 Internal Server Error" || c != "200 OK" {
		t.Errorf("got %s, %s, %s", a, b, c)
	}
	u.Down(false)
	u.Fail(false)
	u.Slow(time.Minute)
	client.Timeout = 50 * time.Millisecond
	if got := ask("/a"); got != "error" {
		t.Errorf("slow: got %s", got)
	}
	u.Slow(0)
	client.Timeout = time.Minute
	if got := ask("/a"); got != "200 OK" {
		t.Errorf("well again: got %s", got)
	}
}
