package logout

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"signet/clients"
)

// SessionState is what an app is told of the browser state, so that its page can ask our frame whether it is still the same (OpenID Connect
// Session Management 1.0 section 3). "" for a redirect URI that is no page of a browser.
func SessionState(clientID, redirectURI, browser string) string {
	origin := clients.OriginOf(redirectURI)
	if origin == "" || browser == "" {
		return ""
	}
	return sessionState(clientID, origin, browser, rand.Text())
}

func sessionState(clientID, origin, browser, salt string) string {
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + browser + " " + salt))
	return hex.EncodeToString(sum[:]) + "." + salt
}
