package oauth_test

import (
	"testing"
	"time"

	"signet/oauth/tokens"
)

// TestRFC9470_AnExchangeDoesNotPassWhatAResourceDemands: the sign-in behind the subject token has to do for the target.
func TestRFC9470_AnExchangeDoesNotPassWhatAResourceDemands(t *testing.T) {
	h := protocol(t, exchangers())
	subject := ofSpa(t, h)
	refused(t, h, "gate", exchange(subject.AccessToken, "resource", vault), "invalid_target")
	strong := resign(t, h, subject, func(a *tokens.Access) { a.ACR, a.AuthTime = "2", time.Now().Unix() })
	get(t, h, "gate", exchange(strong, "resource", vault))
	get(t, h, "gate", exchange(strong, "resource", fresh))
	old := resign(t, h, subject, func(a *tokens.Access) { a.AuthTime = time.Now().Unix() - 61 })
	refused(t, h, "gate", exchange(old, "resource", fresh), "invalid_target")
}

// TestRFC8693_ATokenForSomebodyElseIsNotExchanged: that its client is named does not suffice, or whoever gets hold of a token could use it
// (confused deputy).
func TestRFC8693_ATokenForSomebodyElseIsNotExchanged(t *testing.T) {
	h := protocol(t, exchangers())
	forAPI := ofSpa(t, h) // which names gate, and lax only spa
	get(t, h, "gate", exchange(forAPI.AccessToken, "resource", stock))
	refused(t, h, "lax", exchange(forAPI.AccessToken, "resource", plain), "invalid_request")
}
