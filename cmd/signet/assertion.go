package main

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spf13/cobra"

	"signet/clients"
	"signet/clients/snippet"
	"signet/internal/owner"
)

func (a *app) assertion() *cobra.Command {
	return noun("assertion", "Signed statements: of an app about itself, of an issuer about a person (RFC 7523), of a key (RFC 9449)",
		a.assertionKey(), a.assertionSign(), a.assertionRequest(), a.assertionProof())
}

// writeKeyFile keeps a private key where nobody else can read it. A file that is there stays as it is.
func writeKeyFile(name string, key jose.JSONWebKey) error {
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	f, err := owner.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usage("--key-file: %s is there already; name another file, or move it away", name)
	} else if err != nil {
		return fmt.Errorf("--key-file: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

// readKeyFile reads a private key: a JWK, as it was written here or elsewhere.
func (a *app) readKeyFile(name string) (key jose.JSONWebKey, err error) {
	if name == "" {
		return key, usage("name the file of the private key: --key-file FILE")
	}
	text, err := a.readText(name)
	if err != nil {
		return key, fmt.Errorf("--key-file: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &key); err != nil || !key.Valid() || key.IsPublic() {
		return key, usage("--key-file: %s is not a private key as a JWK (RFC 7517)", name)
	}
	return key, nil
}

func (a *app) assertionKey() *cobra.Command {
	var file string
	c := a.verb("key", "Make a key pair: the private key goes to a file, the public one, as a JWK set, is printed", 0,
		func(*cobra.Command, []string) error {
			if file == "" {
				return usage("name the file that the private key is to be written to: --key-file FILE")
			}
			key, err := snippet.NewKey()
			if err != nil {
				return err
			}
			if err := writeKeyFile(file, key); err != nil {
				return err
			}
			public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
			return a.answer(public, func(w io.Writer) {
				_ = json.NewEncoder(w).Encode(public)
			})
		})
	c.Flags().StringVar(&file, "key-file", "", "`file` for the private key; it must not be there yet")
	return c
}

// assertionWords are what an assertion is to say.
type assertionWords struct {
	file, client, issuer, subject, audience string
	claims                                  []string
	life                                    time.Duration
}

func (a *app) assertionSign() *cobra.Command {
	var words assertionWords
	c := a.verb("sign", "Sign an assertion and print it: for a request by curl, or a test", 0, func(*cobra.Command, []string) error {
		signed, err := words.sign(a)
		if err != nil {
			return err
		}
		return a.answer(map[string]string{"assertion": signed}, func(w io.Writer) { fmt.Fprintln(w, signed) })
	})
	f := c.Flags()
	f.StringVar(&words.file, "key-file", "", "`file` of the private key, a JWK; - for standard input")
	f.StringVar(&words.client, "client", "", "`ID` of an app that proves itself (private_key_jwt): both iss and sub")
	f.StringVar(&words.issuer, "iss", "", "`issuer` who signs about somebody else")
	f.StringVar(&words.subject, "sub", "", "`subject` whom it is about")
	f.StringVar(&words.audience, "aud", "", "`issuer` of the server that it is for")
	f.StringArrayVar(&words.claims, "claim", nil, "`NAME=VALUE` of a further claim; a VALUE that is JSON is taken as such; may be repeated")
	f.DurationVar(&words.life, "for", time.Minute, "how long it is good")
	return c
}

func (s assertionWords) sign(a *app) (string, error) {
	iss, sub := cmp.Or(s.issuer, s.client), cmp.Or(s.subject, s.client)
	switch {
	case iss == "" || sub == "":
		return "", usage("say who signs about whom: --client ID, or --iss URI and --sub NAME")
	case s.audience == "":
		return "", usage("say for whom it is: --aud with the issuer of the server")
	case s.life <= 0:
		return "", usage("--for: must be positive")
	}
	key, err := a.readKeyFile(s.file)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return s.signed(key, "JWT", map[string]any{
		"iss": iss, "sub": sub, "aud": s.audience, "iat": now.Unix(), "exp": now.Add(s.life).Unix(), "jti": rand.Text(),
	})
}

// assertionRequest signs what an app would otherwise send as a form (RFC 9101).
func (a *app) assertionRequest() *cobra.Command {
	var words assertionWords
	c := a.verb("request", "Sign a request object and print it (RFC 9101)", 0, func(*cobra.Command, []string) error {
		switch {
		case words.client == "":
			return usage("say which app asks: --client ID")
		case words.audience == "":
			return usage("say for whom it is: --aud with the issuer of the server")
		case words.life <= 0:
			return usage("--for: must be positive")
		}
		key, err := a.readKeyFile(words.file)
		if err != nil {
			return err
		}
		now := time.Now()
		signed, err := words.signed(key, "oauth-authz-req+jwt", map[string]any{
			"iss": words.client, "client_id": words.client, "aud": words.audience, "iat": now.Unix(), "nbf": now.Unix(),
			"exp": now.Add(words.life).Unix(), "jti": rand.Text(),
		})
		if err != nil {
			return err
		}
		return a.answer(map[string]string{"request": signed}, func(w io.Writer) { fmt.Fprintln(w, signed) })
	})
	f := c.Flags()
	f.StringVar(&words.file, "key-file", "", "`file` of the app's private key, a JWK; - for standard input")
	f.StringVar(&words.client, "client", "", "`ID` of the app")
	f.StringVar(&words.audience, "aud", "", "`issuer` of the server that it is for")
	f.StringArrayVar(&words.claims, "claim", nil, "`NAME=VALUE` of a parameter; a VALUE that is JSON is taken as such; may be repeated")
	f.DurationVar(&words.life, "for", time.Minute, "how long it is good")
	return c
}

// signed adds the further claims and signs.
func (s assertionWords) signed(key jose.JSONWebKey, typ string, claims map[string]any) (string, error) {
	for _, c := range s.claims {
		name, value, ok := strings.Cut(c, "=")
		if !ok || name == "" {
			return "", usage("--claim: write %q like NAME=VALUE", c)
		}
		var typed any
		if json.Unmarshal([]byte(value), &typed) != nil {
			typed = value
		}
		claims[name] = typed
	}
	alg := cmp.Or(key.Algorithm, algorithmOf(key))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("--key-file: %w", err)
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

func (a *app) assertionProof() *cobra.Command {
	var file, method, address, token, nonce string
	c := a.verb("proof", "Sign a DPoP proof for one request and print it (RFC 9449)", 0, func(*cobra.Command, []string) error {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return usage("say for which address it is: --url with that of the request, like https://id.example.com/oauth2/token")
		}
		u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", "" // RFC 9449 section 4.2
		key, err := a.readKeyFile(file)
		if err != nil {
			return err
		}
		claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": u.String(), "iat": time.Now().Unix()}
		if token != "" {
			hash := sha256.Sum256([]byte(token))
			claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
		}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		public := key.Public()
		signer, err := jose.NewSigner(
			jose.SigningKey{Algorithm: jose.SignatureAlgorithm(cmp.Or(key.Algorithm, algorithmOf(key))), Key: key.Key},
			(&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: public.Key}))
		if err != nil {
			return fmt.Errorf("--key-file: %w", err)
		}
		signed, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			return fmt.Errorf("sign a proof: %w", err)
		}
		return a.answer(map[string]string{"proof": signed}, func(w io.Writer) { fmt.Fprintln(w, signed) })
	})
	f := c.Flags()
	f.StringVar(&file, "key-file", "", "`file` of the private key, a JWK; - for standard input")
	f.StringVar(&method, "method", "POST", "`method` of the request")
	f.StringVar(&address, "url", "", "`address` of the request; its query is no part of a proof")
	f.StringVar(&token, "access-token", "", "`token` that goes beside it, where one does")
	f.StringVar(&nonce, "nonce", "", "`nonce` that the server asked for")
	return c
}

// algorithmOf is the first of those that apps may sign with that fits a key.
func algorithmOf(key jose.JSONWebKey) string {
	public := key.Public()
	for _, alg := range clients.AssertionAlgs {
		if clients.Verifies(public, alg) {
			return alg
		}
	}
	return ""
}
