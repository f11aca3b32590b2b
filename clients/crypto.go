package clients

import (
	"fmt"
	"slices"
	"strings"

	"signet/clients/algs"
)

// signedFields are the members that name one of algs.Signing.
func (m Metadata) signedFields() [][2]string {
	return [][2]string{{"id_token_signed_response_alg", m.IDTokenSignedResponseAlg},
		{"userinfo_signed_response_alg", m.UserinfoSignedResponseAlg}, {"access_token_signed_response_alg", m.AccessTokenSignedResponseAlg},
		{"introspection_signed_response_alg", m.IntrospectionSignedResponseAlg},
		{"authorization_signed_response_alg", m.AuthorizationSignedResponseAlg}}
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
