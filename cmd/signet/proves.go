package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"signet/clients"
	"signet/clients/snippet"
)

// proofFlags are how a new app proves itself, where nothing says otherwise: by a key that is made here, if it is confidential, and its
// tokens are bound to a key by DPoP, if it is public (RFC 9700 sections 2.2.1 and 2.5).
type proofFlags struct {
	secret, bearer bool
	file           string
}

func (f *proofFlags) flags(c *cobra.Command) {
	s := c.Flags()
	s.BoolVar(&f.secret, "secret", false, "the app proves itself by a secret, not by a key that is made for it (private_key_jwt)")
	s.BoolVar(&f.bearer, "bearer", false, "a public app whose tokens are good for whoever holds them, not with its key only (DPoP)")
	s.StringVar(&f.file, "key-file", "", "`file` for the private key of the app, in place of printing it; it must not be there yet")
}

// check refuses words that contradict each other.
func (f *proofFlags) check(cmd *cobra.Command, m clients.Metadata) error {
	named := m.TokenEndpointAuthMethod != "" || m.JWKS != nil || m.JWKSURI != ""
	switch {
	case f.secret && f.file != "":
		return usage("--secret, --key-file: an app proves itself by a secret or by a key; leave one of them out")
	case f.bearer && m.DPoPBoundAccessTokens:
		return usage("--bearer, --dpop: tokens are bound to a key, or they are not; leave one of them out")
	case f.secret && named && !m.HasSecret():
		return usage("--secret: what else was said has the app prove itself in another way (%s); leave one of them out",
			m.WithDefaults().TokenEndpointAuthMethod)
	case f.file != "" && named:
		return usage("--key-file: the app proves itself by what was said already (%s), and no key is made for it",
			m.WithDefaults().TokenEndpointAuthMethod)
	case f.file != "" && !snippet.ProvesByKey(cmd.Flag("for").Value.String()):
		return usage("--key-file: %s proves itself by a secret, and no key is made for it", cmd.Flag("for").Value)
	}
	return nil
}

// choose completes what nobody said. The key is nil where the app has none of ours.
func (f *proofFlags) choose(a *app, m *clients.Metadata, forName string) (*jose.JSONWebKey, error) {
	switch {
	case m.TokenEndpointAuthMethod == clients.MethodNone:
		if f.bearer || m.DPoPBoundAccessTokens || m.CertificateBoundAccessTokens {
			return nil, nil
		}
		if slices.ContainsFunc(m.ResponseTypes, func(r string) bool { return clients.Answers(r, "token") }) {
			return nil, usage("--response-type: tokens from the authorization endpoint cannot be bound to a key; " +
				"add --bearer to have them all the same")
		}
		m.DPoPBoundAccessTokens = snippet.SendsDPoP(forName)
		if !m.DPoPBoundAccessTokens {
			a.notice(fmt.Sprintf("Note: %s, as it is set up here, sends no DPoP proofs: the app's tokens are good for whoever holds them (--bearer)",
				forName))
		}
		return nil, nil
	case m.TokenEndpointAuthMethod != "" || m.JWKS != nil || m.JWKSURI != "":
		return nil, nil
	case f.secret || !snippet.ProvesByKey(forName):
		if !f.secret {
			a.notice(fmt.Sprintf("Note: %s, as it is set up here, proves itself by a secret: the app has one, and no key (--secret)", forName))
		}
		m.TokenEndpointAuthMethod = clients.MethodBasic
		return nil, nil
	}
	key, err := snippet.NewKey()
	if err != nil {
		return nil, err
	}
	if f.file != "" {
		if err := writeKeyFile(f.file, key); err != nil {
			return nil, err
		}
	}
	m.TokenEndpointAuthMethod = clients.MethodJWTKey
	m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
	return &key, nil
}

// forget takes the key's file away again: there is no app of it.
func (f *proofFlags) forget(key *jose.JSONWebKey) {
	if key != nil && f.file != "" {
		_ = os.Remove(f.file)
	}
}

// tell puts the key where its owner finds it.
func (f *proofFlags) tell(key *jose.JSONWebKey, r *registered) {
	if key == nil {
		return
	}
	if r.KeyFile = f.file; f.file == "" {
		r.PrivateKey = key
	}
}

func (r registered) writeKey(w io.Writer) {
	switch {
	case r.KeyFile != "":
		row(w, "private key", "in "+r.KeyFile+"   (nobody else has it: Signet keeps the public one)")
	case r.PrivateKey != nil:
		text, _ := json.Marshal(r.PrivateKey) // of a key that was just made
		row(w, "private key", string(text)+"   (shown this once: Signet keeps the public one)")
	}
}

// warnOfProof says where an app and what a snippet is for do not go together.
func (a *app) warnOfProof(r registered, snippetName string) {
	if r.TokenEndpointAuthMethod == clients.MethodJWTKey && !snippet.ProvesByKey(snippetName) {
		a.notice(fmt.Sprintf("Warning: %s, as it is set up here, proves itself by a secret, and this app by a key: give it a secret "+
			"(`signet client update %s --auth-method client_secret_basic`)", snippetName, r.ClientID))
	}
	if r.DPoPBoundAccessTokens && !snippet.SendsDPoP(snippetName) {
		a.notice(fmt.Sprintf("Warning: %s, as it is set up here, sends no DPoP proofs, and this app gets no tokens without: "+
			"do without them (`signet client update %s --dpop=false`)", snippetName, r.ClientID))
	}
}
