package oauth

import (
	"testing"
	"time"

	"signet/clients"
	"signet/oauth/tokens"
)

func TestRFC9470_TokensOfTooOldOrTooWeakASignIn(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, tt := range map[string]struct {
		client clients.Metadata
		acr    string
		age    int64
		want   string // the challenge's further parameters; "-" = answered
	}{
		"nothing demanded":       {acr: "1", age: 1e6, want: "-"},
		"two factors, one given": {client: clients.Metadata{RequireSecondFactor: true}, acr: "1", want: `acr_values="2 phr"`},
		"two factors, none told": {client: clients.Metadata{RequireSecondFactor: true}, want: `acr_values="2 phr"`},
		"two factors given":      {client: clients.Metadata{RequireSecondFactor: true}, acr: "2", want: "-"},
		"a passkey given":        {client: clients.Metadata{RequireSecondFactor: true}, acr: "phr", want: "-"},
		"recent enough":          {client: clients.Metadata{UserinfoMaxAge: 300}, acr: "1", age: 300, want: "-"},
		"too long ago":           {client: clients.Metadata{UserinfoMaxAge: 300}, acr: "1", age: 301, want: `max_age="300"`},
		"weak and long ago: weaker": {client: clients.Metadata{UserinfoMaxAge: 300, RequireSecondFactor: true}, acr: "1", age: 301,
			want: `acr_values="2 phr"`},
	} {
		t.Run(name, func(t *testing.T) {
			no := authentication(&clients.Client{Metadata: tt.client}, tokens.Access{ACR: tt.acr, AuthTime: now.Unix() - tt.age}, now)
			if (no == nil) != (tt.want == "-") {
				t.Fatalf("got %v", no)
			}
			if no != nil && (no.Demand != tt.want || no.Code != "insufficient_user_authentication" || no.Status != 401) {
				t.Errorf("got %+v", no)
			}
		})
	}
}
