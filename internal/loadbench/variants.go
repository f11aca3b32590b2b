package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// variantClients are what -variants asks as: like flow and web, but for one thing.
const variantClients = `  - {client_id: sealed, client_secret: %[1]s, client_name: Sealed, redirect_uris: ["http://localhost:1/cb"],
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: client_secret_basic, first_party: true,
     scope: "openid profile email offline_access", id_token_signed_response_alg: ES256, id_token_encrypted_response_alg: ECDH-ES,
     jwks: {keys: [{kty: EC, crv: P-256, use: enc, kid: e, x: %[2]q, y: %[3]q}]}}
  - {client_id: pairwise, client_secret: %[1]s, client_name: Pairwise, redirect_uris: ["https://app.example/cb"], subject_type: pairwise,
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: client_secret_basic, first_party: true,
     scope: "openid profile email offline_access", id_token_signed_response_alg: ES256}
  - {client_id: hybrid, client_secret: %[1]s, client_name: Hybrid, redirect_uris: ["https://app.example/cb"],
     grant_types: [authorization_code, implicit, refresh_token], response_types: [code, code id_token], first_party: true,
     token_endpoint_auth_method: client_secret_basic, scope: "openid profile email offline_access", id_token_signed_response_alg: ES256}
  - {client_id: dpop, client_secret: %[1]s, client_name: DPoP, redirect_uris: ["http://localhost:1/cb"], dpop_bound_access_tokens: true,
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: client_secret_basic, first_party: true,
     scope: "openid profile email offline_access", id_token_signed_response_alg: ES256}
  - {client_id: tv, client_secret: %[1]s, client_name: TV, token_endpoint_auth_method: client_secret_basic,
     grant_types: ["urn:ietf:params:oauth:grant-type:device_code"], scope: "openid"}
  - {client_id: shop, client_secret: %[1]s, client_name: Shop, redirect_uris: ["http://localhost:1/cb"], first_party: true,
     grant_types: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:token-exchange"],
     token_endpoint_auth_method: client_secret_basic, scope: "openid offline_access api:read", id_token_signed_response_alg: ES256,
     exchange: {targets: ["https://api.example.com"], scopes: ["api:read"]}}
authorization: {response_types: [code, code id_token]}
`

// elsewhere is the redirect URI of clients that may have none at this machine.
const elsewhere = "https://app.example/cb"

// variant is a request that uses something, and the one beside it that does not.
type variant struct {
	name        string
	plain, with scenario
}

// variants compares what requests cost that use a feature with those that do not, of the same server, in turns.
func variants(ctx context.Context, args []string, out io.Writer) error {
	o := options{concurrency: 64}
	set := flag.NewFlagSet("variants", flag.ExitOnError)
	set.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	set.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	set.IntVar(&o.pairs, "pairs", 15, "pairs of measurements")
	set.IntVar(&o.units, "n", 1000, "requests of one measurement")
	set.IntVar(&o.concurrency, "c", 64, "requests at once")
	set.StringVar(&o.only, "only", "", "run only those whose name contains this")
	_ = set.Parse(args) // it ends the process
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	x, y, err := coordinates(key)
	if err != nil {
		return err
	}
	o.more = fmt.Sprintf(variantClients, benchSecret, x, y)
	dir, err := os.MkdirTemp("", "signet-variants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	signet, err := startSignet(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("start signet: %w", err)
	}
	defer signet.stop()
	w, err := newWorld(ctx, signet.url, o)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	list, err := w.variants(ctx, o.concurrency)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "with by without, %d pairs\tCPU, median [95 %%]\tCPU us without\twith\n", o.pairs)
	for _, v := range list {
		if !strings.Contains(v.name, o.only) {
			continue
		}
		if err := v.measure(ctx, o, signet, t); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return t.Flush()
}

func (v variant) measure(ctx context.Context, o options, signet *process, out io.Writer) error {
	var pairs []pair
	var without, with []float64
	for n := range o.pairs + 1 { // the first warms up
		var p pair
		var err error
		if v.with.prepare != nil {
			if err := v.with.prepare(ctx); err != nil {
				return err
			}
		}
		for _, one := range [2]bool{n%2 == 0, n%2 != 0} {
			if one {
				p.older, err = measure(ctx, o, signet, v.plain)
			} else {
				p.newer, err = measure(ctx, o, signet, v.with)
			}
			if err != nil {
				return err
			}
		}
		if n > 0 {
			pairs = append(pairs, p)
			without, with = append(without, cpuOfUnit(p.older)/1e3), append(with, cpuOfUnit(p.newer)/1e3)
		}
	}
	r := medianOf(ratios(pairs, cpuOfUnit))
	fmt.Fprintf(out, "%s\t%.2f [%.2f-%.2f]\t%.1f\t%.1f\n", v.name, r.median, r.low, r.high, medianOf(without).median, medianOf(with).median)
	return nil
}

func (w *world) variants(ctx context.Context, workers int) ([]variant, error) {
	refreshOf := func(client string, k *proofKey) (scenario, error) {
		chains := make([]*chain, workers)
		for i := range chains {
			t, err := w.flowOf(ctx, i, client, k)
			if err != nil {
				return scenario{}, fmt.Errorf("code flow of %s: %w", client, err)
			}
			chains[i] = &chain{refresh: t.RefreshToken}
		}
		return scenario{name: "refresh of " + client, do: func(ctx context.Context, i int) error {
			t, err := w.prove(ctx, client, k, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {chains[i].refresh}})
			if err == nil {
				chains[i].refresh = t.RefreshToken
			}
			return err
		}}, nil
	}
	flow := func(client string) scenario {
		return scenario{name: "code flow of " + client, do: func(ctx context.Context, i int) error {
			_, err := w.flowOf(ctx, i, client, nil)
			return err
		}}
	}
	key, err := newProofKey()
	if err != nil {
		return nil, err
	}
	made := map[string]scenario{}
	for client, k := range map[string]*proofKey{"web": nil, "sealed": nil, "pairwise": nil, "dpop": key} {
		if made[client], err = refreshOf(client, k); err != nil {
			return nil, err
		}
	}
	devices, err := w.devices(ctx, workers)
	if err != nil {
		return nil, err
	}
	cc := scenario{name: "client_credentials", do: func(ctx context.Context, _ int) error {
		_, err := w.clientCredentials(ctx, "cc")
		return err
	}}
	var subject tokens // it lives for ten minutes
	fresh := func(ctx context.Context) (err error) { subject, err = w.flowOf(ctx, 0, "shop", nil); return err }
	exchange := func(ctx context.Context, _ int) error {
		_, err := w.token(ctx, "shop", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token": {subject.AccessToken}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"resource": {"https://api.example.com"}})
		return err
	}
	return []variant{
		{"refresh with an encrypted ID token (ECDH-ES)", made["web"], made["sealed"]},
		{"refresh with a pairwise subject", made["web"], made["pairwise"]},
		{"refresh with DPoP", made["web"], made["dpop"]},
		{"code flow, answer code id_token", flow("flow"), flow("hybrid")},
		{"code flow, request pushed before", flow("flow"), scenario{name: "pushed", do: w.pushedFlow}},
		{"device asks (not yet), by client_credentials", cc, scenario{name: "poll", do: devices}},
		{"token exchange, by client_credentials", cc, scenario{name: "exchange", do: exchange, prepare: fresh}},
	}, nil
}

// flowOf is the code flow of a client, as it registered to be answered.
func (w *world) flowOf(ctx context.Context, i int, client string, k *proofKey) (tokens, error) {
	verifier := rand.Text() + rand.Text()
	at, err := url.Parse(w.authorizeURL(client, verifier))
	if err != nil {
		return tokens{}, err
	}
	q := at.Query()
	switch client {
	case "hybrid":
		q.Set("response_type", "code id_token")
		q.Set("redirect_uri", elsewhere)
	case "pairwise":
		q.Set("redirect_uri", elsewhere)
	case "shop":
		q.Set("scope", "openid offline_access api:read")
		q.Set("resource", "https://api.example.com")
	}
	at.RawQuery = q.Encode()
	return w.redeem(ctx, i, client, k, at.String(), q.Get("redirect_uri"), verifier)
}

// redeem goes to an address of the authorization endpoint in a browser, and fetches the tokens.
func (w *world) redeem(ctx context.Context, i int, client string, k *proofKey, at, redirect, verifier string) (tokens, error) {
	res, err := get(ctx, w.browsers[i%people], at)
	if err != nil {
		return tokens{}, err
	}
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil {
		return tokens{}, err
	}
	answer := back.Query()
	if back.Fragment != "" {
		if answer, err = url.ParseQuery(back.Fragment); err != nil {
			return tokens{}, err
		}
	}
	if answer.Get("code") == "" {
		return tokens{}, fmt.Errorf("no code: %s to %q", res.Status, back)
	}
	return w.prove(ctx, client, k, url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")},
		"redirect_uri": {redirect}, "code_verifier": {verifier}})
}

// pushedFlow is the code flow whose request is pushed first: three requests.
func (w *world) pushedFlow(ctx context.Context, i int) error {
	verifier := rand.Text() + rand.Text()
	_, query, _ := strings.Cut(w.authorizeURL("flow", verifier), "?")
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/oauth2/par", strings.NewReader(query))
	if err != nil {
		return err
	}
	var answer struct {
		URI string `json:"request_uri"`
	}
	if err := w.ask(req, "flow", &answer); err != nil {
		return err
	}
	at := w.url + "/oauth2/authorize?" + url.Values{"client_id": {"flow"}, "request_uri": {answer.URI}}.Encode()
	_, err = w.redeem(ctx, i, "flow", nil, at, callback, verifier)
	return err
}

// devices begins a device's request for each worker, and asks what became of it: nobody decided.
func (w *world) devices(ctx context.Context, workers int) (func(context.Context, int) error, error) {
	codes := make([]string, workers)
	for i := range codes {
		req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/oauth2/device_authorization", strings.NewReader("scope=openid"))
		if err != nil {
			return nil, err
		}
		var answer struct {
			Code string `json:"device_code"`
		}
		if err := w.ask(req, "tv", &answer); err != nil {
			return nil, err
		}
		codes[i] = answer.Code
	}
	return func(ctx context.Context, i int) error {
		_, err := w.post(ctx, "/oauth2/token", "tv",
			url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {codes[i]}})
		if err == nil {
			return errors.New("a device got tokens that nobody allowed")
		}
		if !strings.Contains(err.Error(), "slow_down") && !strings.Contains(err.Error(), "authorization_pending") {
			return err
		}
		return nil
	}, nil
}

// ask sends a form as a client, and reads the answer.
func (w *world) ask(req *http.Request, client string, into any) error {
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, benchSecret)
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s %s", req.URL.Path, res.Status, body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// prove asks the token endpoint with a proof of possession, if there is a key.
func (w *world) prove(ctx context.Context, client string, k *proofKey, form url.Values) (t tokens, err error) {
	if k == nil {
		return w.token(ctx, client, form)
	}
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return t, err
	}
	proof, err := k.proof("POST", w.url+"/oauth2/token")
	if err != nil {
		return t, err
	}
	req.Header.Set("DPoP", proof)
	err = w.ask(req, client, &t)
	return t, err
}

// proofKey makes proofs of possession (RFC 9449 section 4.2).
type proofKey struct {
	key    *ecdsa.PrivateKey
	header string
}

// coordinates of a public key, as a JWK has them (RFC 7518 section 6.2.1).
func coordinates(key *ecdsa.PrivateKey) (x, y string, err error) {
	b, err := key.PublicKey.Bytes()
	if err != nil {
		return "", "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[1:33]), base64.RawURLEncoding.EncodeToString(b[33:]), nil
}

func newProofKey() (*proofKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	x, y, err := coordinates(key)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":%q,"y":%q}}`, x, y)
	return &proofKey{key, base64.RawURLEncoding.EncodeToString([]byte(head))}, nil
}

func (k *proofKey) proof(method, uri string) (string, error) {
	payload := fmt.Sprintf(`{"jti":%q,"htm":%q,"htu":%q,"iat":%d}`, rand.Text(), method, uri, time.Now().Unix())
	signed := k.header + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, k.key, digest[:])
	if err != nil {
		return "", err
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig[:]), nil
}
