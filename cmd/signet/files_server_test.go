package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/admin/files"
	"signet/internal/regular"
	"signet/server/servertest"
)

// remote is a server that listens, and a token for it in the environment.
func remote(t *testing.T, permissions []string, opts ...servertest.Option) *servertest.Server {
	t.Helper()
	s := servertest.New(t, append([]servertest.Option{servertest.Quiet()}, opts...)...)
	token, _, err := s.Services().HostToken(t.Context(), "root@host", permissions, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIGNET_TOKEN", token)
	t.Setenv("SHOP_SECRET", strings.Repeat("0123456789", 5))
	t.Chdir(t.TempDir())
	return s
}

func filesOf(t *testing.T, names map[string]string) {
	t.Helper()
	for name, text := range names {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const allThings = `{"clients": [{"client_id": "shop", "client_secret": "env:SHOP_SECRET", "redirect_uris": ["https://shop.example/cb"]},
	{"client_id": "old/1", "token_endpoint_auth_method": "none", "redirect_uris": ["https://old.example/cb"], "disabled": true}],
	"groups": [{"name": "eu/staff", "description": "all"}], "roles": [{"name": "reader", "permissions": ["people:read"]}],
	"resources": [{"identifier": "https://api.example", "name": "API", "scopes": ["read"]}]}`

// TestAFolderIsNoPattern: what is in the folder's name that a shell would expand names no other folder.
func TestAFolderIsNoPattern(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"eu[1]", "eu1", "a*", "ab", `b\`, "b"} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"c.json", "a.yaml", "b.yml", "notes.txt", "json"} {
			filesOf(t, map[string]string{filepath.Join(name, file): "{}"})
		}
	}
	for _, name := range []string{"eu[1]", "a*", `b\`} {
		got, err := filesAt(name)
		want := []string{filepath.Join(name, "a.yaml"), filepath.Join(name, "b.yml"), filepath.Join(name, "c.json")}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestApplyToAServer over its API: the same as to a database.
func TestApplyToAServer(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := remote(t, nil, engine)
		filesOf(t, map[string]string{"all.json": allThings, "none.yaml": "clients: []\ngroups:\n  - name: other\n"})
		does := func(want int, line string, texts ...string) string {
			t.Helper()
			code, out, errs := command(t, line+" --server "+s.URL)
			if code != want {
				t.Fatalf("%s: exit code %d: %s%s", line, code, out, errs)
			}
			for _, text := range texts {
				if !strings.Contains(strings.Join(strings.Fields(out+errs), " "), text) {
					t.Errorf("%s says %s%s, want %q", line, out, errs, text)
				}
			}
			if strings.Contains(out+errs, "0123456789") {
				t.Errorf("%s tells the secret: %s%s", line, out, errs)
			}
			return out
		}
		does(exitPerson, "plan all.json", "add client old/1", "add client shop", "add group eu/staff")
		does(exitOK, "apply all.json", "added client shop", "added role reader")
		does(exitOK, "apply all.json", "Nothing to do")
		does(exitOK, "plan all.json", "as the files say")
		root := s.Services().Host("root@host")
		set, err := files.Export(t.Context(), files.Local{Acts: s.Services().Admin, Actor: root}.Source())
		if err != nil {
			t.Fatal(err)
		}
		here, err := set.Document("")
		if over := does(exitOK, "export"); err != nil || over != string(here) || !strings.Contains(over, `"client_id": "shop"`) {
			t.Errorf("exported over the API: %s\nfrom the database: %s", over, here)
		}
		if err := s.Services().Admin.SetClientDisabled(t.Context(), root, "shop", true); err != nil {
			t.Fatal(err)
		}
		if err := s.Services().Admin.PutGroup(t.Context(), root, "by-hand", ""); err != nil {
			t.Fatal(err)
		}
		does(exitPerson, "plan all.json", "drift client shop", "extra group by-hand")
		does(exitPerson, "apply all.json", "drift client shop")
		does(exitOK, "apply all.json --override", "changed client shop")
		does(exitUsage, "apply none.yaml --prune", "this deletes groups eu/staff, clients shop, clients old/1; add --yes")
		does(exitPerson, "apply none.yaml --prune --yes", "added group other", "deleted client old/1", "no file lists roles at all")
		does(exitFailed, "apply none.yaml --owner thief", "the files of \"default\" keep it; take it over by --adopt-from: nothing was changed")
	})
}

// TestWhatATokenMayNotIsNotApplied, nor planned where it may not even read.
func TestWhatATokenMayNotIsNotApplied(t *testing.T) {
	held := map[string][]string{
		"auditor": {"people:read", "clients:read", "audit:read"}, "support": {"people:read", "people:credentials", "clients:read"},
		"apps":  {"clients:read", "clients:write", "clients:secrets", "resources:write", "people:read"},
		"files": {"people:read", "clients:read", "apply"},
	}
	for name, permissions := range held {
		s := remote(t, permissions)
		filesOf(t, map[string]string{"all.json": strings.Replace(allThings, `"people:read"`, `"keys:rotate"`, 1)})
		code, out, errs := command(t, "plan all.json --server "+s.URL)
		if code != exitPerson || !strings.Contains(out, "this needs the permission") {
			t.Errorf("%s: plan: %d: %s%s", name, code, out, errs)
		}
		code, out, errs = command(t, "apply all.json --server "+s.URL)
		if code != exitFailed || !strings.Contains(errs, "nothing was changed") {
			t.Errorf("%s: apply: %d: %s%s", name, code, out, errs)
		}
		if code, out, _ = command(t, "export --server "+s.URL); code != exitOK || strings.Contains(out, "shop") {
			t.Errorf("%s: the server has %s", name, out)
		}
	}
	s := remote(t, []string{"audit:read"})
	filesOf(t, map[string]string{"all.json": allThings})
	if code, _, errs := command(t, "plan all.json --server "+s.URL); code != exitFailed || !strings.Contains(errs, "clients:read") {
		t.Errorf("without any permission to read: %d %s", code, errs)
	}
}

// TestATokenGoesNowhereElse: not over http, not to where a server redirects, and not onto the command line.
func TestATokenGoesNowhereElse(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_TOKEN", "the-token")
	filesOf(t, map[string]string{"all.json": allThings, "token": "the-token\n"})
	seen := 0
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }))
	defer thief.Close()
	answers := map[string]http.HandlerFunc{
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		},
		"answers 404":   http.NotFound,
		"the answer is": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"has no end":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items": [], "next": "x"}`) },
		"expired": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			fmt.Fprint(w, `{"title": "expired"}`)
		},
	}
	for want, answer := range answers {
		odd := httptest.NewServer(answer)
		code, out, errs := command(t, "apply all.json --token file:token --server "+odd.URL)
		if code != exitFailed || !strings.Contains(errs, want) || strings.Contains(out+errs, "the-token") {
			t.Errorf("%s: %d: %s%s", want, code, out, errs)
		}
		odd.Close()
	}
	if seen > 0 {
		t.Error("the token went to where a server redirected")
	}
	for line, want := range map[string]string{
		"plan all.json --server http://id.example":                       "https only",
		"plan all.json --server ftp://localhost":                         "https only",
		"plan all.json --server https://id.example/t/api/admin/v1/":      "give the issuer, https://id.example/t;",
		"plan all.json --server https://user:pass@id.example":            "give an address",
		"plan all.json --server id.example":                              "give an address",
		"plan all.json --server https://id.example --token eyJhbGciOi":   "--token: say where",
		"plan all.json --server https://id.example --token file:missing": "missing",
	} {
		if code, _, errs := command(t, line); code == exitOK || !strings.Contains(errs, want) {
			t.Errorf("%s: %d: %s", line, code, errs)
		}
	}
	if left, _ := filepath.Glob("*.db"); len(left) > 0 {
		t.Errorf("made %q", left)
	}
}

// TestAServerThatHasNoTimeIsAskedAgain, and one that refuses is not.
func TestAServerThatHasNoTimeIsAskedAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_TOKEN", "the-token")
	asked := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"title": "busy"}`)
			return
		}
		fmt.Fprint(w, `{"items": []}`)
	}))
	defer busy.Close()
	if code, _, errs := command(t, "export --server "+busy.URL); code != exitOK {
		t.Errorf("%d: %s", code, errs)
	}
}

// TestSecretsAndFilesOfAPlanAreRegular: a pipe or a device would keep a plan waiting, and a folder is no secret.
func TestSecretsAndFilesOfAPlanAreRegular(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretAt("file:" + empty); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("a secret of nothing: %v", err)
	}
	for _, name := range []string{t.TempDir(), os.DevNull} {
		if _, err := secretAt("file:" + name); !errors.Is(err, regular.ErrNot) {
			t.Errorf("the secret %s: %v", name, err)
		}
	}
	if _, err := readFiles([]string{os.DevNull}); !errors.Is(err, regular.ErrNot) {
		t.Errorf("a file of a plan: %v", err)
	}
}
