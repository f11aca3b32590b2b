package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"signet/internal/exact"
)

const (
	signedMax    = 8 << 10 // bytes
	signedOldest = 10 * time.Minute
	signedNewest = time.Minute // clocks differ
)

// readSignedRequest verifies what Facebook signed with the app's secret (its "signed request": a signature, a dot and a JSON
// payload, both base64url). The algorithm is fixed, whatever the payload says of it (N08). ErrIdentity.
func readSignedRequest(raw, secret string, now time.Time) (SignedRequest, error) {
	refuse := func(why string) (SignedRequest, error) {
		return SignedRequest{}, fmt.Errorf("%w: a signed request %s", ErrIdentity, why)
	}
	if len(raw) > signedMax {
		return refuse("that is too long")
	}
	signature, payload, ok := strings.Cut(raw, ".")
	given, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(signature, "="))
	if !ok || err != nil || secret == "" {
		return refuse("that is not one")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	if !hmac.Equal(given, mac.Sum(nil)) {
		return refuse("with a wrong signature")
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return refuse("that cannot be read")
	}
	var said struct {
		Algorithm string `json:"algorithm"`
		IssuedAt  int64  `json:"issued_at"`
		UserID    string `json:"user_id"`
	}
	if exact.Unmarshal(body, &said) != nil || said.Algorithm != "HMAC-SHA256" || !storable(said.UserID, maxSubject) {
		return refuse("about nobody, or signed in another way")
	}
	at := time.Unix(said.IssuedAt, 0)
	if now.Sub(at) > signedOldest || at.Sub(now) > signedNewest {
		return refuse("that is too old")
	}
	return SignedRequest{Subject: said.UserID, IssuedAt: at}, nil
}
