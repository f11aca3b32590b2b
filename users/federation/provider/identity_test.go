package provider

import (
	"errors"
	"strings"
	"testing"

	"signet/users/identifier"
)

func TestIdentitiesThatCannotBeKept(t *testing.T) {
	for name, i := range map[string]Identity{
		"nobody": {Issuer: "x"}, "no issuer": {Subject: "1"}, "long subject": {Issuer: "x", Subject: strings.Repeat("1", maxSubject+1)},
		"long issuer": {Issuer: strings.Repeat("x", maxIssuer+1), Subject: "1"},
	} {
		if err := i.Clean(); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	i := Identity{Issuer: "x", Subject: "1", Email: strings.Repeat("a", identifier.MaxEmail) + "@x", EmailVerified: true, Authoritative: true,
		Claims: map[string]any{"name": strings.Repeat("n", maxClaims)}}
	if err := i.Clean(); err != nil || i.Email != "" || i.EmailVerified || i.Authoritative || i.Claims != nil {
		t.Errorf("%+v, %v", i, err)
	}
}
