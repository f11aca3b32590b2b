package request

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/clients"
	"signet/oauth/clientjwt"
	"signet/storage"
)

// decrypted is what an encrypted object holds: a JWT, or JSON that nobody signed (OpenID Connect Core section 6.1, RFC 9101 section 6.1).
// One that is not encrypted is itself.
func (p *Parser) decrypted(object string) (string, error) {
	if strings.Count(object, ".") != 4 { // RFC 7516 section 9
		if strings.HasPrefix(object, "{") {
			return "", objectMistake("it is no JWT")
		}
		return object, nil
	}
	if p.Objects.Decrypt == nil {
		return "", objectMistake("encrypted ones are not taken")
	}
	inside, err := p.Objects.Decrypt(object)
	if err != nil {
		return "", objectMistake(err.Error())
	}
	return strings.TrimSpace(string(inside)), nil
}

// longestKnown is how long the jti of a pushed object is remembered at most, and unsaidLife how long where the object says no end.
const (
	longestKnown = 24 * time.Hour
	unsaidLife   = time.Hour
)

// spendObject lets an object with a jti be pushed once (RFC 7519 section 4.1.7). At the authorization endpoint it is ignored: there
// an address is opened again by Back, Reload and another tab, and nobody gets an answer but the client, at its redirect URI.
func (p *Parser) spendObject(ctx context.Context, c *clients.Client, payload []byte) error {
	var claims struct {
		ID        any      `json:"jti"`
		ExpiresAt *float64 `json:"exp"`
	}
	if err := clientjwt.Claims(payload, &claims); err != nil || claims.ID == nil || p.Objects.Once == nil {
		return nil // judgeObject has read it
	}
	id, ok := claims.ID.(string)
	if !ok || id == "" {
		return objectMistake("jti is malformed")
	}
	now := time.Now()
	until := now.Add(unsaidLife)
	if claims.ExpiresAt != nil {
		until = now.Add(longestKnown)
		if left := *claims.ExpiresAt - float64(now.Unix()); left < longestKnown.Seconds() {
			until = now.Add(time.Duration(left)*time.Second + 2*objectSkew)
		}
	}
	sum := sha256.Sum256([]byte(id))
	err := p.Objects.Once.SpendOnce(ctx, "request_object", c.ClientID, base64.RawURLEncoding.EncodeToString(sum[:]), until)
	if errors.Is(err, storage.ErrConflict) {
		return objectMistake("its jti was used")
	}
	if err != nil {
		return fmt.Errorf("spend a request object: %w", err)
	}
	return nil
}
