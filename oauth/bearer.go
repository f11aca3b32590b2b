package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/telemetry"
	"signet/oauth/flow"
	"signet/oauth/keys"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
)

// HostClient is the client_id of access tokens that an operator makes at a host which has the database and the master key. No client can
// have it.
const HostClient = "signet:host"

// Caller is who sent an access token to an API of Signet itself.
type Caller struct {
	Client *clients.Client // nil: a token of HostClient
	UserID string          // "" = the client acts for itself
	Scopes []string        // of the token
	JTI    string
}

// Caller judges an access token for one of Signet's own APIs: it is for exactly this resource, nobody acts in it for somebody else, what
// it is bound to was shown, its grant, person and client are alive, and the person signed in as the resource demands. One joined read.
// Errors are *refusal.Refusal.
func (p *Provider) Caller(ctx context.Context, sent Presented, resource string) (Caller, error) {
	c, err := p.caller(ctx, sent, resource)
	if err == nil && sent.Proof != nil {
		err = p.SpendProof(ctx, sent.Proof)
	}
	if err != nil {
		return Caller{}, err
	}
	return c, nil
}

// Again is Caller for what it allowed before, in the same request: a proof of possession is good once, and not spent again.
func (p *Provider) Again(ctx context.Context, sent Presented, resource string) (Caller, error) {
	return p.caller(ctx, sent, resource)
}

func (p *Provider) caller(ctx context.Context, sent Presented, resource string) (c Caller, err error) {
	a, err := p.o.Issuer.VerifyAccess(sent.Token)
	if err != nil {
		return c, refusal.InvalidToken("The access token is invalid or expired.").Because(err)
	}
	telemetry.Add(ctx, slog.String("client_id", a.ClientID))
	if len(a.Audience) != 1 || a.Audience[0] != resource {
		return c, refusal.InvalidToken("The access token is for another resource, or not for this one alone.")
	}
	if no := sent.held(a); no != nil {
		return c, no
	}
	if len(a.Act) > 0 {
		return c, refusal.InvalidToken("Tokens in which one acts for another are not taken here.")
	}
	c = Caller{Scopes: spaced.Words(a.Scope), JTI: a.JTI}
	if a.ClientID == HostClient {
		s, err := p.reads.GrantStateOfToken(ctx, "", a.JTI)
		if err != nil {
			return c, refusal.From(fmt.Errorf("look up a token: %w", err))
		}
		if s.TokenRevoked {
			return c, refusal.InvalidToken("The access token was revoked.")
		}
		return c, nil
	}
	s, client, err := p.grantState(ctx, a)
	if errors.Is(err, errInactive) {
		return c, refusal.InvalidToken("The access token was revoked, or its grant ended.").Because(err)
	} else if err != nil {
		return c, refusal.From(err)
	}
	if no := sent.Proof.Fits(client); no != nil {
		return c, no
	}
	c.Client = client
	if a.GrantID == "" {
		return c, nil
	}
	c.UserID = s.UserID
	r, _ := p.o.Clients.Resources().Find(resource)
	if r.RequireSecondFactor && !flow.Reaches(a.ACR, flow.ACRMulti) { // a grant from before it was demanded
		return c, refusal.InsufficientAuthentication("The person has to sign in with two factors.", []string{flow.ACRMulti, flow.ACRResistant}, 0)
	}
	return c, nil
}

// maxHostToken is how long a token of HostClient is good at most.
const maxHostToken = 24 * time.Hour

// ErrTooLong is a lifetime that is not positive, or over 24 hours.
var ErrTooLong = errors.New("use a lifetime of at most 24h")

// HostToken makes an access token of HostClient. Nothing is stored; the caller writes the event.
func HostToken(issuer string, ring *keys.Ring, resource string, scopes []string,
	life time.Duration) (token string, a tokens.Access, err error) {
	if life <= 0 || life > maxHostToken {
		return "", a, ErrTooLong
	}
	signer, err := tokens.New(issuer, ring, tokens.Options{})
	if err != nil {
		return "", a, err
	}
	now := time.Now()
	a = tokens.Access{
		Subject: HostClient, ClientID: HostClient, Audience: tokens.Audience{resource}, Scope: strings.Join(scopes, " "),
		IssuedAt: now.Unix(), ExpiresAt: now.Add(life).Unix(), JTI: rand.Text(),
	}
	token, err = signer.SignAccess("", a)
	return token, a, err
}
