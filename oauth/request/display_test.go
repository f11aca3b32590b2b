package request

import (
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/flow"
)

func TestDisplayIsBounded(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	for sent, want := range map[string]string{"popup": "popup", "": "", "banner": "", strings.Repeat("p", 5000): ""} {
		var req flow.Request
		form := url.Values{"display": {sent}, "claims_locales": {"de " + strings.Repeat("x", 3000)}}
		if no := (&Parser{}).openID(&req, &clients.Client{}, form); no != nil || req.Display != want {
			t.Errorf("%.20q: %q, %v", sent, req.Display, no)
		}
	}
}
