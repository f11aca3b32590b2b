package server

import (
	"crypto/fips140"
	"errors"
	"fmt"

	"signet/clients"
	"signet/config"
)

// errOutside: Go was told to refuse every algorithm that is not of its cryptographic module (GODEBUG=fips140=only).
var errOutside = errors.New("GODEBUG=fips140=only refuses it; leave the setting out, or use fips140=on")

// checkFIPS finds settings that need what the module has not. Go would panic in the middle of a request, or fail a backup at night.
func checkFIPS(c config.Config, metadata []clients.Metadata) error {
	if !fips140.Enforced() {
		return nil
	}
	var errs []error
	refuse := func(set bool, key, needs string) {
		if set {
			errs = append(errs, fmt.Errorf("%s: needs %s, and %w", key, needs, errOutside))
		}
	}
	refuse(c.Passwords.BreachFile != "", "passwords.breach_file", "SHA-1")
	refuse(c.Passwords.RangeAPI != "", "passwords.range_api", "SHA-1")
	refuse(BackupOf(c).Sealing.Encrypts(), "backup", "ChaCha20-Poly1305 (age) to encrypt")
	for _, m := range metadata {
		for _, alg := range []string{m.IDTokenEncryptedResponseAlg, m.UserinfoEncryptedResponseAlg, m.IntrospectionEncryptedResponseAlg,
			m.AuthorizationEncryptedResponseAlg} {
			refuse(alg == "RSA-OAEP", "clients["+m.ClientID+"]", "SHA-1 for RSA-OAEP (RSA-OAEP-256 does without)")
		}
	}
	return errors.Join(errs...)
}
