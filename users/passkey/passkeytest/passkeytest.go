// Package passkeytest is a pretend authenticator for tests, where the browser's part of a passkey ceremony is played in Go.
package passkeytest

import (
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"
)

// Device is an authenticator with one passkey in the browser it is used with. Tests may change anything of it.
type Device struct {
	Site   virtualwebauthn.RelyingParty  // what the browser says of the page
	Bearer virtualwebauthn.Authenticator // what the authenticator says of itself and its user
	Key    virtualwebauthn.Credential
}

// whole is the length of a P-256 key in COSE.
const whole = 77

// New is a device with a fresh key that verifies its user, used at a page of the origin.
func New(rpID, origin string) *Device {
	d := &Device{
		Site:   virtualwebauthn.RelyingParty{ID: rpID, Name: "Signet", Origin: origin},
		Bearer: virtualwebauthn.NewAuthenticator(),
	}
	for d.Key.Key == nil || len(d.Key.Key.AttestationData()) != whole { // the library cuts zeros in front of coordinates off
		d.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return d
}

// Create answers the options of a registration, and remembers for whom.
func (d *Device) Create(t testing.TB, options json.RawMessage) string {
	t.Helper()
	asked, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatalf("options %s: %v", options, err)
	}
	d.Bearer.Options.UserHandle = []byte(asked.UserID)
	return virtualwebauthn.CreateAttestationResponse(d.Site, d.Bearer, d.Key, *asked)
}

// Get answers the options of a sign-in; the counter goes up by one if it was ever used.
func (d *Device) Get(t testing.TB, options json.RawMessage) string {
	t.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatalf("options %s: %v", options, err)
	}
	if d.Key.Counter > 0 {
		d.Key.Counter++
	}
	return virtualwebauthn.CreateAssertionResponse(d.Site, d.Bearer, d.Key, *asked)
}
