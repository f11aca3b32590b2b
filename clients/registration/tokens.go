package registration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/storage"
)

// lives refuses an initial token that is not good before anything is done for whoever shows it: nothing is fetched for strangers who are
// not counted. The use is taken later, with the client's row.
func (s *Service) lives(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	err := s.o.Tokens.InitialTokenLives(ctx, hash(token), time.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return ErrToken
	}
	if err != nil {
		return fmt.Errorf("look up an initial token: %w", err)
	}
	return nil
}

// newToken is 256 bits, with a mark that scanners know.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "sgr_" + base64.RawURLEncoding.EncodeToString(b[:])
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// NewInitialToken makes an initial token and the row that lets it be used so many times until then.
func NewInitialToken(note string, uses int64, now, until time.Time) (token string, row storage.InitialToken) {
	token = newToken()
	return token, storage.InitialToken{ID: strings.ToLower(rand.Text()[:12]), TokenHash: hash(token), Note: note, UsesLeft: uses,
		CreatedAt: now, ExpiresAt: until}
}
