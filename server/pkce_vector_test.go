package server_test

import (
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// TestRFC7636_B_TheExample: the verifier of the RFC opens the code of its challenge, and no other does.
func TestRFC7636_B_TheExample(t *testing.T) {
	t.Parallel()
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
	for _, tt := range []struct {
		verifier string
		good     bool
	}{{verifier, true}, {challenge, false}, {verifier + "x", false}, {"", false}} {
		r := app.Begin(t, b, oauth2.SetAuthURLParam("code_challenge", challenge))
		if b.Landed == nil && b.Has("login-submit") {
			b.SignIn(t, ada)
		}
		if b.Landed == nil {
			b.Allow(t)
		}
		_, err := app.OAuth.Exchange(app.Context(t.Context()), r.Code(t, b), oauth2.VerifierOption(tt.verifier))
		if tt.good && err != nil {
			t.Errorf("the example: %v", err)
		}
		if !tt.good {
			servertest.Refused(t, err, "invalid_grant")
		}
	}
}
