package clients

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"signet/clients/algs"
	"signet/internal/seal"
	"signet/storage"
)

// sealer keeps what only this server may read; *seal.Master.
type sealer interface {
	Seal(plain, place []byte) ([]byte, error)
	Open(sealed, place []byte) ([]byte, error)
}

// signsWithSecret: the secret itself is needed to verify what the client signs, not only its MAC.
func (m Metadata) signsWithSecret() bool { return m.TokenEndpointAuthMethod == MethodJWTSecret }

// SecretAlg is the algorithm of what the client signs with its secret.
func (m Metadata) SecretAlg() string {
	if m.TokenEndpointAuthSigningAlg != "" {
		return m.TokenEndpointAuthSigningAlg
	}
	return algs.Secrets[0]
}

// secretSize is how many bytes a secret has at least for an algorithm of algs.Secrets (RFC 7518 section 3.2).
func secretSize(alg string) int {
	switch alg {
	case "HS384":
		return 48
	case "HS512":
		return 64
	}
	return 32
}

// keepSecret writes a new secret of a client; the others stay valid until keepUntil.
func (r *Registry) keepSecret(ctx context.Context, m Metadata, text string, now, keepUntil time.Time) error {
	row := storage.ClientSecret{ID: rand.Text(), ClientID: m.ClientID, CreatedAt: now, MAC: encodeMAC(mac(r.o.SecretKeys[0], text))}
	if len(r.o.MasterKeys) > 0 {
		row.MasterKey = r.o.MasterKeys[0]
	}
	if m.signsWithSecret() {
		if r.o.Sealer == nil {
			return errors.New("token_endpoint_auth_method: client_secret_jwt needs somebody who seals secrets")
		}
		var err error
		if row.Sealed, err = r.o.Sealer.Seal([]byte(text), sealedAt(row.ID)); err != nil {
			return fmt.Errorf("seal a client secret: %w", err)
		}
	}
	return r.o.Secrets.InsertClientSecret(ctx, row, keepUntil)
}

func sealedAt(id string) []byte { return seal.Place("client_secrets", id, "sealed") }

// nobodyKey is what is tried for a client that is unknown or has no such secret.
var nobodyKey = func() []byte {
	b := make([]byte, 68)
	rand.Read(b)
	return b
}()

// CheckShared reports whether a live secret of a client that signs with it made a signature: fits tries one. For another client, or nil, it
// does the same work and says no.
func (r *Registry) CheckShared(_ context.Context, c *Client, fits func(key []byte) bool) bool {
	if c == nil || !c.signsWithSecret() {
		_ = fits(nobodyKey)
		return false
	}
	now, tried := time.Now(), false
	for _, s := range c.secrets {
		if !s.expiresAt.IsZero() && !now.Before(s.expiresAt) {
			continue
		}
		key := s.plain
		if key == nil && s.sealed != nil && r.o.Sealer != nil {
			var err error
			if key, err = r.o.Sealer.Open(s.sealed, sealedAt(s.id)); err != nil {
				r.o.Log.Error("open a client secret", "client_id", c.ClientID, "error", err)
				continue
			}
		}
		if key == nil {
			continue
		}
		if tried = true; fits(key) {
			if !c.Declared {
				r.noteUse(s, string(key), now)
			}
			return true
		}
	}
	if !tried {
		_ = fits(nobodyKey)
	}
	return false
}
