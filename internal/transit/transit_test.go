package transit_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/internal/transit"
)

// vault answers as OpenBao 2.6 did (29 November 2026); see https://openbao.org/api-docs/secret/transit/.
func vault(t *testing.T, token string) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		refuse := func(status int, words ...string) {
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": words})
		}
		var body map[string]string
		text, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || json.Unmarshal(text, &body) != nil {
			refuse(405)
			return
		}
		data := map[string]any{}
		sealed, is := strings.CutPrefix(body["ciphertext"], "vault:v1:")
		switch {
		case r.Header.Get("X-Vault-Namespace") != "":
			refuse(404, "namespace not found")
			return
		case r.Header.Get("X-Vault-Token") != token:
			refuse(403, "permission denied")
			return
		case r.URL.Path == "/v1/keys/transit/encrypt/signet" && body["plaintext"] != "":
			data["ciphertext"], data["key_version"] = "vault:v1:"+strings.ToUpper(fmt.Sprintf("%x", body["plaintext"])), 1
		case r.URL.Path == "/v1/keys/transit/decrypt/signet" && is && !strings.Contains(sealed, "x"):
			var plain string
			if _, err := fmt.Sscanf(sealed, "%X", &plain); err != nil {
				t.Error(err)
			}
			data["plaintext"] = plain
		case strings.HasPrefix(r.URL.Path, "/v1/keys/transit/decrypt/"):
			refuse(400, "cipher: message authentication failed")
			return
		default:
			refuse(404, fmt.Sprintf("no handler for route %q. route entry not found.", strings.TrimPrefix(r.URL.Path, "/v1/")))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "0", "lease_id": "", "renewable": false, "data": data, "auth": nil})
	}))
	t.Cleanup(s.Close)
	return s
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	const secret = "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk"
	s := vault(t, "s.abc")
	o := transit.Options{Address: s.URL, Mount: "keys/transit", Key: "signet", TokenFile: write(t, "token", "s.abc\n"),
		CAFile: write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))}
	engine := func(change func(o *transit.Options)) *transit.Engine {
		t.Helper()
		o := o
		change(&o)
		e, err := transit.New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e
	}
	good := engine(func(*transit.Options) {})
	wrapped, err := good.Wrap(t.Context(), secret)
	if err != nil || !transit.Wrapped(wrapped) || strings.Contains(wrapped, secret) {
		t.Fatalf("%q, %v", wrapped, err)
	}
	if got, err := good.Unwrap(t.Context(), wrapped); err != nil || got != secret {
		t.Fatalf("%q, %v", got, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		e       *transit.Engine
		wrapped string
		says    string
	}{
		"another token": {nil, engine(func(o *transit.Options) { o.TokenFile = write(t, "token", "s.other") }), wrapped,
			"permission denied (the token"},
		"no token":         {nil, engine(func(o *transit.Options) { o.TokenFile = "/nowhere" }), wrapped, "the token: open /nowhere"},
		"another key":      {nil, engine(func(o *transit.Options) { o.Key = "other" }), wrapped, "another key"},
		"another mount":    {nil, engine(func(o *transit.Options) { o.Mount = "transit" }), wrapped, "look at the mount"},
		"damaged":          {nil, good, wrapped + "x", "message authentication failed"},
		"not of ours":      {nil, engine(func(o *transit.Options) { o.CAFile = "" }), wrapped, "certificate"},
		"nobody waits":     {canceled, good, wrapped, "canceled"},
		"somewhere else":   {nil, engine(func(o *transit.Options) { o.Address = "https://127.0.0.1:1" }), wrapped, "refused"},
		"with a namespace": {nil, engine(func(o *transit.Options) { o.Namespace = "x" }), wrapped, "namespace not found (there is no such path"},
	} {
		ctx := c.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		got, err := c.e.Unwrap(ctx, c.wrapped)
		if got != "" || !errors.Is(err, transit.ErrTransit) {
			t.Fatalf("%s: %q, %v", name, got, err)
		}
		if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, "s.abc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRefusalsOfOpenBao: what it was recorded to answer, and what is said of it.
func TestRefusalsOfOpenBao(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status       int
		answer, says string
	}{
		{403, `{"errors":["permission denied"]}`, "403 permission denied (the token has ended"},
		{403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, "its policy needs update on the path"},
		{400, `{"errors":["encryption key not found"]}`, "another key"},
		{400, `{"errors":["ciphertext or signature version is disallowed by policy (too old)"]}`, "min_decryption_version"},
		{400, `{"errors":["invalid ciphertext length"]}`, "damaged"},
		{404, `{"errors":["no handler for route \"no/decrypt/signet\". route entry not found."]}`, "look at the mount"},
		{503, `{"errors":["Vault is sealed"]}`, "unseal it"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.answer)
		}))
		e, err := transit.New(transit.Options{Address: s.URL, Key: "signet", TokenFile: write(t, "token", "t")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Unwrap(t.Context(), "vault:v1:x"); !errors.Is(err, transit.ErrTransit) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.answer, err)
		}
		e.Close()
		s.Close()
	}
}

// TestAnswersThatAreNone: whatever is answered, nothing of it that may be the secret is in the error.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "{}", `{"data":null}`, `{"data":{"plaintext":"TOPSECRET!"}}`, `{"data":"TOPSECRET"}`, "TOPSECRET",
		`[1]`, `{"data":{"plaintext":""}}`, `{"data":{"plaintext":7}}`, base64.StdEncoding.EncodeToString(make([]byte, 1<<17))} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
		}))
		e, err := transit.New(transit.Options{Address: s.URL, Key: "signet", TokenFile: write(t, "token", "t")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Unwrap(t.Context(), "vault:v1:x")
		if got != "" || !errors.Is(err, transit.ErrTransit) || strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("%.40s: %q, %v", answer, got, err)
		}
		e.Close()
		s.Close()
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]transit.Options{
		"in the clear":  {Address: "http://bao.example.com:8200", Key: "k", TokenFile: "t"},
		"no address":    {Key: "k", TokenFile: "t"},
		"with a path":   {Address: "https://bao.example.com/v1", Key: "k", TokenFile: "t"},
		"with a secret": {Address: "https://a:b@bao.example.com", Key: "k", TokenFile: "t"},
		"no key":        {Address: "https://bao.example.com", TokenFile: "t"},
		"a path as key": {Address: "https://bao.example.com", Key: "../sys", TokenFile: "t"},
		"no token":      {Address: "https://bao.example.com", Key: "k"},
		"no such CA":    {Address: "https://bao.example.com", Key: "k", TokenFile: "t", CAFile: "/nowhere"},
	} {
		if _, err := transit.New(o); !errors.Is(err, transit.ErrTransit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
