package blackbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The example apps beside a server, each a process of its own, used by a person in a real browser who clicks Allow and nothing
// else on the consent page.
func TestExamplesInTheBrowser(t *testing.T) {
	ctx := chromium(t)
	api, spa, web, bff := localhost(freeAddress(t)), localhost(freeAddress(t)), localhost(freeAddress(t)), localhost(freeAddress(t))
	s := newSite(t, "")
	more := fmt.Sprintf(`
clients:
  - {client_id: webapp, client_secret: %[4]s, client_name: Web app, redirect_uris: ["http://%[3]s/callback"],
     post_logout_redirect_uris: ["http://%[3]s/"], grant_types: [authorization_code, refresh_token],
     scope: "openid profile email offline_access notes:read"}
  - {client_id: spa, client_name: SPA, redirect_uris: ["http://%[2]s/"], post_logout_redirect_uris: ["http://%[2]s/"],
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: none, scope: "openid profile notes:read"}
  - {client_id: bff, client_secret: %[4]s, client_name: SPA without tokens, redirect_uris: ["http://%[5]s/bff/callback"],
     post_logout_redirect_uris: ["http://%[5]s/"], grant_types: [authorization_code, refresh_token],
     scope: "openid profile offline_access notes:read"}
  - {client_id: cli-device, client_name: Terminal, token_endpoint_auth_method: none, scope: "openid email offline_access",
     grant_types: ["urn:ietf:params:oauth:grant-type:device_code", refresh_token]}
resources:
  - {identifier: "http://%[1]s", name: Notes API, scopes: ["notes:read"]}
`, api, spa, web, secret, bff)
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(config), "clients:")
	if err := os.WriteFile(s.config, []byte(head+more), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("")
	s.person("ada@example.com")
	example(t, "api", api, "ISSUER="+s.issuer, "AUDIENCE=http://"+api, "ORIGIN=http://"+spa)
	example(t, "spa", spa)
	example(t, "webapp", web, "ISSUER="+s.issuer, "CLIENT_SECRET="+secret, "API=http://"+api)

	example(t, "bff", bff, "ISSUER="+s.issuer, "CLIENT_SECRET="+secret, "API=http://"+api)

	do := func(name string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if err := chromedp.Do(ctx, steps...); err != nil {
			html, _ := chromedp.Run(ctx, chromedp.OuterHTML("html"))
			t.Fatalf("%s: %v\n%s", name, err, html)
		}
	}
	shows := func(selector, want string) chromedp.Action[chromedp.Void] {
		return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			script := fmt.Sprintf("(document.querySelector(%q)?.textContent ?? '').includes(%q)", selector, want)
			for {
				if ok, err := chromedp.Evaluate[bool](script)(ctx, target); ok && err == nil { // errors while the page changes
					return chromedp.Void{}, nil
				}
				select {
				case <-ctx.Done():
					return chromedp.Void{}, fmt.Errorf("%s does not show %q", selector, want)
				case <-time.After(50 * time.Millisecond):
				}
			}
		}
	}
	type_, click, wait := chromedp.SendKeys[string], chromedp.Click[string], chromedp.WaitVisible[string]

	do("SPA signs in", chromedp.Navigate("http://"+spa+"/#issuer="+s.issuer+"&api=http://"+api), wait("#sign-in"),
		shows("#who", "Signed out"), chromedp.Sleep(300*time.Millisecond), click("#sign-in"),
		wait("#login-submit"), type_("#username", "ada@example.com"), type_("#password", password), click("#login-submit"),
		wait("#consent-allow"), click("#consent-allow"), shows("#who", "Signed in as"))
	do("SPA asks the API", click("#call"), shows("#out", "Buy milk"))
	do("SPA refreshes and asks again", click("#refresh"), shows("#out", `"client_id": "spa"`), click("#call"), shows("#out", "Buy milk"))
	do("SPA signs out", click("#sign-out"), shows("#who", "Signed out"))

	do("web app signs in", chromedp.Navigate("http://"+web+"/"), click(`a[href="/login"]`), wait("#login-submit"),
		type_("#username", "ada@example.com"), type_("#password", password), click("#login-submit"),
		wait("#consent-allow"), click("#consent-allow"), shows("h1", "Hello ada@example.com"))
	do("web app asks the API", click(`a[href="/notes"]`), shows("body", "Buy milk"))
	do("web app signs out", chromedp.Navigate("http://"+web+"/"), click("form button"), shows("h1", "Web app"))

	do("SPA without tokens signs in", chromedp.Navigate("http://"+bff+"/"), shows("#who", "Signed out"), click("#sign-in"),
		wait("#login-submit"), type_("#username", "ada@example.com"), type_("#password", password), click("#login-submit"),
		wait("#consent-allow"), click("#consent-allow"), shows("#who", "Signed in as"))
	do("SPA without tokens asks the API", click("#call"), shows("#out", "Buy milk"))
	do("SPA without tokens signs out", click("#sign-out button"), shows("#who", "Signed out"))

	code, out := device(t, s.issuer)
	do("a terminal is connected", chromedp.Navigate(code), wait("#login-submit"), type_("#username", "ada@example.com"),
		type_("#password", password), click("#login-submit"), wait("#device-allow"), click("#device-allow"), shows("h1", "connected"))
	if hello := <-out; !strings.Contains(hello, "Hello ada@example.com") {
		t.Errorf("the terminal says %q", hello)
	}
}

// device runs cli-device; it gives the address that it shows, and later what else it says.
func device(t *testing.T, issuer string) (address string, rest <-chan string) {
	t.Helper()
	cmd := program(t.Context(), "run", "signet/examples/cli-device")
	cmd.Env = append(cmd.Env, "ISSUER="+issuer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		if _, after, found := strings.Cut(lines.Text(), "or open "); found {
			said := make(chan string, 1)
			go func() {
				var all strings.Builder
				for lines.Scan() {
					all.WriteString(lines.Text() + "\n")
				}
				_ = cmd.Wait()
				said <- all.String()
			}()
			return after, said
		}
	}
	t.Fatalf("cli-device shows no code: %v", cmd.Wait())
	return "", nil
}

func localhost(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "localhost:" + port
}

// example builds and runs one of the example apps until the test ends.
func example(t *testing.T, name, listen string, env ...string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if out, err := program(t.Context(), "build", "-o", bin, "signet/examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	var log bytes.Buffer
	cmd := exec.Command(bin)
	cmd.Env, cmd.Stderr = append(append(os.Environ(), "LISTEN="+listen), env...), &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 5000 {
		if res, err := http.Get("http://" + listen + "/"); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("%s does not answer:\n%s", name, log.Bytes())
}
