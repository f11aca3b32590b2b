package ciba

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
)

// The kinds of the items in the outbox by which an app is sent its tokens. The first makes them, or finds out why there are none, and
// leaves the second in the same transaction, sealed: each try brings the same ones, and no two makers make them.
const (
	PushKind   = "ciba push"
	AnswerKind = "ciba answer"
)

// longestPush is how long an app is tried: what was not taken by then is revoked. It is within what the outbox tries.
const longestPush = time.Hour

// Made are tokens for an app.
type Made struct {
	Answer  json.RawMessage // a token response
	GrantID string
	Expires time.Time // of the access token
}

// Maker makes tokens.
type Maker interface {
	// Make answers as the token endpoint does, by *refusal.Refusal where there is nothing. It calls keep once they are signed, in the
	// transaction that makes them good.
	Make(ctx context.Context, c *clients.Client, authReqID string, keep func(ctx context.Context, made Made) error) error
	Alive(ctx context.Context, grantID string) (bool, error)
	Revoke(ctx context.Context, grantID string) error
}

// PushStore is what Pusher needs of *storage.DB.
type PushStore interface {
	DeleteDelivery(ctx context.Context, id string) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Pusher sends tokens to apps that do not ask for them (CIBA Core section 10.3). All but On are required.
type Pusher struct {
	Sender
	Store  PushStore
	Outbox Outbox
	Maker  Maker
	On     bool // else nothing is sent any more
}

// answered is what an app is sent.
type answered struct {
	Made
	Error string    `json:",omitempty"` // in place of tokens
	ID    string    // auth_req_id
	Token string    // its client_notification_token
	Until time.Time // when it is given up
}

// client is to whom the item goes; ErrMoot where that is nobody any more.
func (p *Pusher) client(ctx context.Context, x outbox.Sending) (*clients.Client, error) {
	c, err := p.Clients.Client(ctx, x.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!p.On || !c.Enabled() || !c.Pushes() || c.CreatedAt.After(x.CreatedAt)) {
		return nil, outbox.ErrMoot
	}
	return c, err
}

// Make is the outbox.Sender of PushKind, due once the person decided, or once the time is over.
func (p *Pusher) Make(ctx context.Context, x outbox.Sending) error {
	c, err := p.client(ctx, x)
	if err != nil {
		return err
	}
	var about ping
	if err := x.Facts(&about); err != nil {
		return err
	}
	a := answered{ID: about.ID, Token: about.Token, Until: time.Now().Add(longestPush)}
	leave := func(ctx context.Context) error {
		err := p.Outbox.Put(ctx, outbox.Item{
			ID: x.ID + "-answer", Kind: AnswerKind, Target: c.BackchannelNotification, ClientID: c.ClientID, Facts: a,
			Keep: longestPush + shown,
		})
		if err != nil {
			return err
		}
		return p.Store.DeleteDelivery(ctx, x.ID)
	}
	if !time.Now().Before(about.Until) {
		a.Error = "expired_token"
		return p.Store.Tx(ctx, leave)
	}
	err = p.Maker.Make(ctx, c, about.ID, func(ctx context.Context, made Made) error {
		if a.Made = made; made.Expires.Before(a.Until) {
			a.Until = made.Expires
		}
		return leave(ctx)
	})
	if err == nil {
		return nil
	}
	a.Made = Made{}
	if a.Error, err = told(err); err != nil {
		return err
	}
	return p.Store.Tx(ctx, leave)
}

// told is what an app is told of an error (CIBA Core section 12); an error where it is too early to say anything, or nothing is to be said.
func told(err error) (string, error) {
	no, ok := errors.AsType[*refusal.Refusal](err)
	switch {
	case errors.Is(err, ledger.ErrFetched): // by another maker, who left what is sent
		return "", outbox.ErrMoot
	case !ok || no.Status >= 500 || no.Code == "authorization_pending" || no.Code == "slow_down":
		return "", err
	case no.Code == "access_denied" || no.Code == "expired_token":
		return no.Code, nil
	}
	return failed, nil
}

const failed = "transaction_failed"

// Send is the outbox.Sender of AnswerKind. Redirects are not followed, the body of the answer is not read. What is not taken is revoked.
func (p *Pusher) Send(ctx context.Context, x outbox.Sending) error {
	var a answered
	if err := x.Facts(&a); err != nil {
		return err
	}
	c, err := p.client(ctx, x)
	if errors.Is(err, outbox.ErrMoot) {
		return p.end(ctx, a, err)
	} else if err != nil {
		return err
	}
	if !time.Now().Before(a.Until) {
		return p.end(ctx, a, fmt.Errorf("%w: the tokens are over, or were not taken for too long", outbox.ErrRefused))
	}
	if a.GrantID != "" {
		alive, err := p.Maker.Alive(ctx, a.GrantID)
		if err != nil {
			return err
		}
		if !alive { // the person took it back meanwhile
			a.Error = failed
		}
	}
	body, err := a.body()
	if err != nil {
		return err
	}
	got, err := p.Fetch(ctx, egress.Request{
		Method: "POST", URL: c.BackchannelNotification, Body: body, StatusOnly: true,
		Header: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + a.Token},
	})
	switch {
	case err != nil:
		return err
	case got.Status >= 200 && got.Status < 300:
		return nil
	case got.Status < 500:
		return p.end(ctx, a, fmt.Errorf("%w: status %d", outbox.ErrRefused, got.Status))
	}
	return fmt.Errorf("status %d", got.Status)
}

// end revokes what nobody has taken.
func (p *Pusher) end(ctx context.Context, a answered, why error) error {
	if a.GrantID == "" {
		return why
	}
	if err := p.Maker.Revoke(ctx, a.GrantID); err != nil {
		return fmt.Errorf("revoke what was not taken: %w", err)
	}
	return why
}

// body is what is posted now: expires_in counts from here.
func (a answered) body() ([]byte, error) {
	all := map[string]any{"auth_req_id": a.ID, "error": a.Error}
	if a.Error == "" {
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(a.Answer, &fields); err != nil {
			return nil, fmt.Errorf("read the tokens: %w", err)
		}
		delete(all, "error")
		for name, value := range fields {
			all[name] = value
		}
		all["expires_in"] = json.RawMessage(strconv.FormatInt(int64(time.Until(a.Expires)/time.Second), 10))
	}
	return json.Marshal(all)
}
