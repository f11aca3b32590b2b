// Package transit has the transit engine of OpenBao or HashiCorp Vault wrap and unwrap the master key, by its HTTP interface: the key that
// wraps never leaves the vault. Begin with New.
package transit

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"signet/internal/egress"
	"signet/internal/loopback"
	"signet/internal/regular"
)

// ErrTransit is of every error here; the text says what to look at.
var ErrTransit = errors.New("transit")

// Options of New.
type Options struct {
	Address   string // https://bao.example.com:8200; http for an agent on this machine only
	Mount     string // of the engine; "" = transit
	Key       string // its name there
	Namespace string
	TokenFile string
	CAFile    string // authorities of its certificate; "" = the system's
}

// Engine is one key of a transit engine.
type Engine struct {
	Options
	base   string
	client *egress.Client
}

// New looks at the options, and asks nobody.
func New(o Options) (*Engine, error) {
	u, err := url.Parse(o.Address)
	local := err == nil && loopback.Host(u.Hostname())
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("%w: %q is not an address; write it like https://bao.example.com:8200", ErrTransit, o.Address)
	case u.Scheme != "https" && !(u.Scheme == "http" && local):
		return nil, fmt.Errorf("%w: the address must be https: the master key would travel in the clear", ErrTransit)
	case o.Key == "" || strings.ContainsAny(o.Key, "/?#%"):
		return nil, fmt.Errorf("%w: name a key of the engine", ErrTransit)
	case o.TokenFile == "":
		return nil, fmt.Errorf("%w: name a file with a token", ErrTransit)
	}
	out := egress.Options{Total: 8 * time.Second, Inner: []string{u.Hostname()}} // within what SIGNET_MASTER_KEY_COMMAND has
	if local {
		out.Allow = out.Inner
	}
	if o.CAFile != "" {
		text, err := regular.Read(o.CAFile, regular.PEM)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTransit, err)
		}
		if out.Roots = x509.NewCertPool(); !out.Roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%w: there is no certificate in %s", ErrTransit, o.CAFile)
		}
	}
	mount := strings.Trim(cmp.Or(o.Mount, "transit"), "/")
	return &Engine{Options: o, base: u.Scheme + "://" + u.Host + "/v1/" + (&url.URL{Path: mount}).EscapedPath(), client: egress.New(out)}, nil
}

// Close ends its connections.
func (e *Engine) Close() { e.client.Close() }

// Wrap encrypts: vault:v1:….
func (e *Engine) Wrap(ctx context.Context, secret string) (wrapped string, err error) {
	var answer struct {
		Ciphertext string `json:"ciphertext"`
	}
	err = e.ask(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString([]byte(secret))}, &answer)
	if err == nil && !Wrapped(answer.Ciphertext) {
		err = fmt.Errorf("%w: the answer holds no ciphertext", ErrTransit)
	}
	return answer.Ciphertext, err
}

// Wrapped reports whether a text looks like what Wrap gave.
func Wrapped(text string) bool {
	return strings.HasPrefix(text, "vault:v") && !strings.ContainsAny(text, " \t\r\n")
}

// Unwrap decrypts what Wrap gave.
func (e *Engine) Unwrap(ctx context.Context, wrapped string) (secret string, err error) {
	var answer struct {
		Plaintext string `json:"plaintext"`
	}
	if err := e.ask(ctx, "decrypt", map[string]string{"ciphertext": wrapped}, &answer); err != nil {
		return "", err
	}
	text, err := base64.StdEncoding.DecodeString(answer.Plaintext)
	if err != nil || len(text) == 0 {
		return "", fmt.Errorf("%w: the answer holds no plaintext", ErrTransit) // whose words would quote it
	}
	return string(text), nil
}

// ask posts to an operation of the key. The interface is that of https://openbao.org/api-docs/secret/transit/.
func (e *Engine) ask(ctx context.Context, operation string, body, answer any) error {
	token, err := regular.Read(e.TokenFile, regular.PEM)
	if err != nil {
		return fmt.Errorf("%w: the token: %w", ErrTransit, err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	header := map[string]string{"X-Vault-Token": strings.TrimSpace(string(token)), "X-Vault-Request": "true",
		"Content-Type": "application/json"}
	if e.Namespace != "" {
		header["X-Vault-Namespace"] = e.Namespace
	}
	res, err := e.client.Fetch(ctx, egress.Request{Method: "POST", URL: e.base + "/" + operation + "/" + url.PathEscape(e.Key),
		Header: header, Body: text, Types: []string{"application/json"}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransit, err)
	}
	if res.Status != 200 {
		return fmt.Errorf("%w: %s: %s", ErrTransit, operation, refusal(res, e))
	}
	if err := json.Unmarshal(res.Body, &struct {
		Data any `json:"data"`
	}{answer}); err != nil {
		return fmt.Errorf("%w: the answer cannot be read", ErrTransit) // it may hold the secret
	}
	return nil
}

// refusal is what the vault said, and what to look at.
func refusal(res egress.Response, e *Engine) string {
	var said struct {
		Errors []string `json:"errors"`
	}
	_ = json.Unmarshal(res.Body, &said)
	words := strings.Join(strings.Fields(strings.Join(said.Errors, "; ")), " ")
	if len(words) > 300 {
		words = strings.ToValidUTF8(words[:300], "") + "…"
	}
	hint := "look at the engine and its key"
	switch res.Status {
	case 403:
		hint = "the token has ended, or may not do this: its policy needs update on the path of this mount and key"
	case 404:
		hint = "there is no such path: look at the mount, the key and the namespace"
	case 400:
		hint = "this was wrapped under another key, by a version that it no longer opens (min_decryption_version), or is damaged"
	case 503:
		hint = "the vault is sealed: unseal it"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s (%s)", res.Status, words, hint))
}
