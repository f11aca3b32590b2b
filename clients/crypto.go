package clients

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients/algs"
)

// signedFields are the members that name one of algs.Signing.
func (m Metadata) signedFields() [][2]string {
	return [][2]string{{"id_token_signed_response_alg", m.IDTokenSignedResponseAlg},
		{"userinfo_signed_response_alg", m.UserinfoSignedResponseAlg}, {"access_token_signed_response_alg", m.AccessTokenSignedResponseAlg},
		{"introspection_signed_response_alg", m.IntrospectionSignedResponseAlg},
		{"authorization_signed_response_alg", m.AuthorizationSignedResponseAlg}}
}

// validateObjects checks what the client says of its request objects.
func (m Metadata) validateObjects() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if a := m.RequestObjectSigningAlg; a != "" && a != "none" && !slices.Contains(AssertionAlgs, a) {
		add("request_object_signing_alg: %q is not offered; use none, or one of %s", a, strings.Join(AssertionAlgs, ", "))
	}
	if m.RequireSignedRequestObject && (m.RequestObjectSigningAlg == "none" || m.JWKS == nil && m.JWKSURI == "") {
		add("require_signed_request_object: needs the client's public keys, in jwks or at jwks_uri, and another algorithm than none")
	}
	if a := m.RequestObjectEncryptionAlg; a != "" && !slices.Contains(algs.Keys, a) {
		add("request_object_encryption_alg: %q is not offered; use one of %s", a, strings.Join(algs.Keys, ", "))
	}
	if e := m.RequestObjectEncryptionEnc; e != "" && !slices.Contains(algs.Contents, e) {
		add("request_object_encryption_enc: %q is not offered; use one of %s", e, strings.Join(algs.Contents, ", "))
	} else if e != "" && m.RequestObjectEncryptionAlg == "" {
		add("request_object_encryption_enc: there is no request_object_encryption_alg beside it")
	}
	if len(m.RequestURIs) > 20 {
		add("request_uris: at most 20")
	}
	for _, u := range m.RequestURIs {
		if !httpsLink(u) || strings.HasPrefix(u, "urn:") {
			add("request_uris: %q %s", u, wantsLink)
		}
	}
	return errs
}

func (m Metadata) validateSigned() (errs []error) {
	for _, field := range m.signedFields() {
		if alg := field[1]; alg != "" && !slices.Contains(algs.Signing, alg) {
			errs = append(errs, fmt.Errorf("%s: %q is not offered; use one of %s", field[0], alg, strings.Join(algs.Signing, ", ")))
		}
	}
	return errs
}

// NeededKeys are the algorithms, of those whose keys are made on need, that the client wants.
func (m Metadata) NeededKeys() (names []string) {
	for _, field := range m.signedFields() {
		if i := slices.Index(algs.Signing, field[1]); i >= 2 && !slices.Contains(names, field[1]) {
			names = append(names, field[1])
		}
	}
	return names
}

// NeededKeys are the algorithms, of those whose keys are made on need, that enabled clients want.
func (r *Registry) NeededKeys() []string { return r.index.Load().neededKeys() }

// IDTokenEncryption is how the client wants ID tokens encrypted.
func (m Metadata) IDTokenEncryption() algs.Encryption {
	return algs.Encryption{Key: m.IDTokenEncryptedResponseAlg, Content: m.IDTokenEncryptedResponseEnc}
}

// UserinfoEncryption is the same for userinfo.
func (m Metadata) UserinfoEncryption() algs.Encryption {
	return algs.Encryption{Key: m.UserinfoEncryptedResponseAlg, Content: m.UserinfoEncryptedResponseEnc}
}

// IntrospectionEncryption is the same for introspection answers that it asks for as a JWT.
func (m Metadata) IntrospectionEncryption() algs.Encryption {
	return algs.Encryption{Key: m.IntrospectionEncryptedResponseAlg, Content: m.IntrospectionEncryptedResponseEnc}
}

// AuthorizationEncryption is the same for answers of the authorization endpoint to response modes with jwt.
func (m Metadata) AuthorizationEncryption() algs.Encryption {
	return algs.Encryption{Key: m.AuthorizationEncryptedResponseAlg, Content: m.AuthorizationEncryptedResponseEnc}
}

// encryptions are all of them, by the beginning of their names.
func (m Metadata) encryptions() map[string]algs.Encryption {
	return map[string]algs.Encryption{"id_token": m.IDTokenEncryption(), "userinfo": m.UserinfoEncryption(),
		"introspection": m.IntrospectionEncryption(), "authorization": m.AuthorizationEncryption()}
}

// encryptsTo reports whether something that the client wants encrypted can be so with its key.
func (m Metadata) encryptsTo(k jose.JSONWebKey) bool {
	for _, e := range m.encryptions() {
		if e.On() && algs.Takes(k, e.Key) {
			return true
		}
	}
	return false
}

func (m Metadata) validateEncrypted() (errs []error) {
	all := m.encryptions()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		add := func(member, format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s_encrypted_response_%s: %s", name, member, fmt.Sprintf(format, args...)))
		}
		if e.Content != "" && !slices.Contains(algs.Contents, e.Content) {
			add("enc", "%q is not offered; use one of %s", e.Content, strings.Join(algs.Contents, ", "))
		}
		fits := func(k jose.JSONWebKey) bool { return algs.Takes(k, e.Key) }
		switch {
		case !e.On() && e.Content != "":
			add("enc", "there is no %s_encrypted_response_alg beside it", name)
		case !e.On():
		case !slices.Contains(algs.Keys, e.Key):
			add("alg", "%q is not offered; use one of %s", e.Key, strings.Join(algs.Keys, ", "))
		case m.JWKSURI == "" && (m.JWKS == nil || !slices.ContainsFunc(m.JWKS.Keys, fits)):
			add("alg", "needs a public key that fits %s, for use enc or any, in jwks or at jwks_uri", e.Key)
		}
	}
	return errs
}
